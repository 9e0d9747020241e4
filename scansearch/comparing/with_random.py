"""Is a genotype better than random ones? Each trained alone, all alike, and compared on test images."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scansearch.comparing.random_runs import RandomRun, random_genotypes
from scansearch.comparing.side_by_side import MOST_JOBS, Part, do_all
from scansearch.errors import RunFolderError, ScansearchError
from scansearch.finish import finish_evaluation
from scansearch.genotype import Genotype
from scansearch.retraining.evaluation import Examination, examine_network
from scansearch.retraining.train_run import genotype_of
from scansearch.runs.comparison_json import COMPARISON, MOST_RANDOM, Comparison, TrainedGenotype
from scansearch.runs.config import RunConfig
from scansearch.runs.environment_json import check_images
from scansearch.runs.evaluation_json import Evaluation
from scansearch.runs.folder import RunFolder
from scansearch.runs.run import Run
from scansearch.shape import check_number
from scansearch.space import SearchSpace, find_space
from scansearch.training.events import Listener, Silent


@dataclass(frozen=True)
class Against:
    """What a trained genotype is to be compared with.

    Args:
        path: The run folder of its training.
        random: How many random genotypes.
        space: The space that they are of; ``None`` is the one that the genotype was searched in.
        jobs: How many are trained at a time; ``None`` is two on a CPU with as many cores, else one.

    Raises:
        ScansearchError: If a number is out of range.
    """

    path: Path
    random: int = 4
    space: str | None = None
    jobs: int | None = None

    def __post_init__(self) -> None:
        check_number("random", self.random, MOST_RANDOM)
        if self.jobs is not None:
            check_number("jobs", self.jobs, MOST_JOBS)

    @property
    def words(self) -> list[str]:
        """Arguments of the program that begin it, or go on with it."""
        space = ["--space", self.space] if self.space is not None else []
        return ["compare", str(self.path), "--random", str(self.random), *space]

    @property
    def command(self) -> str:
        """The command of these."""
        return shlex.join(["scansearch", *self.words])

    def runs(self, run: Run, genotype: Genotype, space: SearchSpace) -> list[RandomRun]:
        """The trainings of the random genotypes, checked against what there is of them.

        Args:
            run: The training, as ``trained_run`` opens it.
            genotype: Its genotype.
            space: As ``space_of`` says.

        Raises:
            ScansearchError: If there are not so many, or one of them was begun with other settings.
        """
        drawn = random_genotypes(run, genotype, space, self.random)
        runs = [RandomRun.of(run, space.name, number, directions) for number, directions in enumerate(drawn, 1)]
        for one in runs:
            one.check()
        return runs

    def one(self, number: int) -> RandomRun:
        """One of them; errors as ``trained_run`` and ``runs``.

        Raises:
            ScansearchError: If there is none of this number.
        """
        if number > self.random:
            raise ScansearchError(f"--only is 1 to {self.random}, the number of random genotypes, but got {number}")
        run, genotype = trained_run(self.path)
        return self.runs(run, genotype, self.space_of(genotype))[number - 1]

    def space_of(self, genotype: Genotype) -> SearchSpace:
        """The space that the random ones are of.

        Raises:
            ScansearchError: If nobody says it.
        """
        if self.space is not None:
            return find_space(self.space)
        told = genotype.space
        parts = [*(told or {}).get("stages", {}).values(), *(told or {}).get("layers", {}).values()]
        if told is None or any(part.get("candidates") for part in parts):
            why = (
                "does not say which space it is of"
                if told is None
                else "is of a space that differs from layer to layer"
            )
            raise ScansearchError(f"the genotype of {self.path} {why}; name that of the random ones by --space")
        return SearchSpace.from_dict(told, f"the space of {self.path}")


def trained_run(path: str | Path) -> tuple[Run, Genotype]:
    """Opens a training that is done, and its genotype.

    Raises:
        RunFolderError: If it is of another kind, not done, or began with weights that are of its own directions.
    """
    run = Run.open(path)
    if not (run.weights.parent / "genotype.json").exists():  # weights say what to do if there are none
        raise RunFolderError(
            f"{path} has lost its genotype.json; `scansearch resume {shlex.quote(str(path))}` writes it"
        )
    if run.config.inherit is not None:
        raise RunFolderError(
            f"{path} began with the weights of {run.config.inherit.source}, which random genotypes cannot have alike; compare a "
            "training that began with fresh ones"
        )
    return run, genotype_of(run)


def compare_with_random(wanted: Against, listener: Callable[[int], Listener] = lambda number: Silent()) -> Comparison:
    """Trains random genotypes as a run was trained, and looks at the test images with all of them.

    They are runs in ``RUN/random/1``, ``2``, ...; whatever ends this, the same call goes on from their checkpoints, and one with more
    random genotypes keeps those that are there. A network that was evaluated on these images before is not evaluated again.

    Args:
        wanted: What is compared.
        listener: Who is told about each training, by its number.

    Returns:
        What was found, also written to ``comparison.json`` of the run.

    Raises:
        ScansearchError: For bad input, or what ended a training.
    """
    run, genotype = trained_run(wanted.path)
    RunFolder.open(run.path).check_free()
    space = wanted.space_of(genotype)
    runs = wanted.runs(run, genotype, space)
    parts = [
        Part(one, [*wanted.words, "--only", str(number), "--json"], listener(number))
        for number, one in enumerate(runs, 1)
        if not one.done
    ]
    do_all(parts, run.config.machine, wanted.jobs, wanted.command)
    evaluations = [_evaluated(path, listener(0)) for path in (run.path, *(one.path for one in runs))]
    for one in runs:
        check_images(run.path, run.environment, Run.open(one.path).environment)
    first, *others = evaluations
    found = Comparison(
        data=first.data, fingerprint=first.fingerprint, images=first.images, space=space.name, found=_tested(run.config, first),
        random=tuple(_tested(one.config, other) for one, other in zip(runs, others, strict=True)),
    )  # fmt: skip
    with RunFolder.open(run.path).locked():
        found.save(run.path / COMPARISON)
    return found


def _evaluated(path: Path, listener: Listener) -> Evaluation:
    """What a training is worth on its test images; they are looked at if it was not evaluated before."""
    evaluation, new = examine_network(Examination(path), listener)
    if new:
        for line in finish_evaluation(path).failures:
            listener.warned(line)
    return evaluation


def _tested(config: RunConfig, evaluation: Evaluation) -> TrainedGenotype:
    assert config.genotype is not None  # of a training
    return TrainedGenotype(
        directions=config.genotype.directions, seed=config.seed, top1=evaluation.top1, mean_iou=evaluation.mean_iou
    )
