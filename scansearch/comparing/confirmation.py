"""Certainty by agreement: two searches on separate halves of a run's images, and what both say of its genotype."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scansearch.comparing.halves import HalfRun
from scansearch.comparing.side_by_side import MOST_JOBS, Part, do_all
from scansearch.comparing.verdict import Halves, verdict
from scansearch.confirmed import MOST_PAIRS
from scansearch.errors import RunFolderError, ScansearchError
from scansearch.genotype import Genotype
from scansearch.machine.numerics import run_numerics
from scansearch.runs.environment_json import check_images
from scansearch.runs.folder import RunFolder
from scansearch.runs.limits import MOST_EPOCHS
from scansearch.runs.run import Run
from scansearch.searching.assemble import assemble, finished
from scansearch.shape import check_number
from scansearch.space import BoundSpace
from scansearch.training.events import Listener, Silent
from scansearch.training.join import join


@dataclass(frozen=True)
class Confirmation:
    """How a run is to be confirmed.

    Args:
        path: The run folder.
        pairs: Pairs of halves.
        epochs: Epochs of each half; ``None`` is as many as the run had.
        jobs: How many halves are searched at a time; ``None`` is two on a CPU with as many cores, else one.

    Raises:
        ScansearchError: If a number is out of range.
    """

    path: Path
    pairs: int = 1
    epochs: int | None = None
    jobs: int | None = None

    def __post_init__(self) -> None:
        for name, value, most in (
            ("pairs", self.pairs, MOST_PAIRS),
            ("epochs", self.epochs, MOST_EPOCHS),
            ("jobs", self.jobs, MOST_JOBS),
        ):
            if value is not None:
                check_number(name, value, most)

    @property
    def command(self) -> str:
        """What begins it, or goes on with it."""
        words = ["scansearch", "confirm", str(self.path)]
        words += ["--pairs", str(self.pairs)] if self.pairs > 1 else []
        words += ["--epochs", str(self.epochs)] if self.epochs else []
        return shlex.join(words)

    def half(self, run: Run, number: int) -> HalfRun:
        """One half of the run, checked against what there is of it; errors as ``HalfRun.check``.

        Raises:
            ScansearchError: If no pair has a half of this number.
        """
        if number > 2 * self.pairs:
            raise ScansearchError(
                f"--half is 1 to {2 * self.pairs}, two a pair, but got {number}; half {number} needs --pairs {(number + 1) // 2}"
            )
        half = HalfRun.of(run, number, self.epochs)
        half.check()
        return half


def searched_run(path: str | Path) -> Run:
    """Opens the run of a search that is done.

    Raises:
        RunFolderError: If it is of another kind, not done, itself a half, or not what its settings say.
    """
    run = Run.open(path)
    if run.kind != "search":
        raise RunFolderError(f"{path} is a run of kind {run.kind}; what can be confirmed is a search")
    if run.config.data.part:
        raise RunFolderError(
            f"{path} is itself a search on part {run.config.data.part} of the images; name the run that it belongs to"
        )
    if finished(RunFolder.open(path), Silent()) is None:
        raise RunFolderError(
            f"{path} holds no genotype yet; finish the search with `scansearch resume {shlex.quote(str(path))}`"
        )
    return run


def space_of(run: Run, listener: Listener) -> BoundSpace:
    """The space of a run on its model's layers; the images are read for it.

    Raises:
        ScansearchError: If the images changed since the run began.
    """
    config = run.config.alone()
    with run_numerics():
        machine, fabric = join(config.machine.model_copy(update={"devices": 1}))
        parts = assemble(config.model_copy(update={"machine": machine}), fabric, listener)
    check_images(run.path, run.environment, parts.environment)
    if copies := len(parts.data.train) - len({*parts.data.train.contents}):
        listener.warned(
            f"{copies:,} training images are copies of others: halves that share them agree a little more than separate ones would"
        )
    return parts.bound


def confirm(wanted: Confirmation, listener: Callable[[int], Listener] = lambda number: Silent()) -> Genotype:
    """Searches the halves of a run, side by side or one after the other, and writes what they say into its genotype.

    The halves are runs in ``RUN/confirm/half-1``, ``half-2``, ...; whatever ends this, the same call goes on from their checkpoints.

    Args:
        wanted: What is to be done.
        listener: Who is told about each half, by its number; 0 is the run itself.

    Returns:
        The genotype, also written to ``genotype.json`` of the run; figures are not drawn.

    Raises:
        ScansearchError: For bad input, or what ended a search.
    """
    run = searched_run(wanted.path)
    RunFolder.open(run.path).check_free()
    space = space_of(run, listener(0))
    halves = [wanted.half(run, number) for number in range(1, 2 * wanted.pairs + 1)]
    epochs = ["--epochs", str(wanted.epochs)] if wanted.epochs else []
    parts = [
        Part(
            half,
            ["confirm", str(wanted.path), "--half", str(number), "--pairs", str(wanted.pairs), "--json", *epochs],
            listener(number),
        )
        for number, half in enumerate(halves, 1)
        if half.genotype is None
    ]
    do_all(parts, run.config.machine, wanted.jobs, wanted.command)
    return _concluded(run, space, halves, listener(0))


def _undecided(genotype: Genotype) -> frozenset[int]:
    """The layers, from 0, that could choose and whose candidates all have the same score."""
    return frozenset(
        i
        for i, layer in enumerate(genotype.layers)
        if len(layer.scores) > len(layer.directions) and len({*layer.scores.values()}) == 1
    )


def _concluded(run: Run, space: BoundSpace, halves: list[HalfRun], listener: Listener) -> Genotype:
    """Writes what the halves say; the genotype is read again, for hours may have passed."""
    found = [half.genotype for half in halves]
    undecided = [_undecided(other) for other in found if other is not None]
    if layers := sorted(frozenset().union(*undecided)):
        listener.warned(
            f"in layer {', '.join(str(i + 1) for i in layers)} all candidates are alike to a half, which so has chosen nothing there; what "
            "it keeps does not count"
        )
    with RunFolder.open(run.path).locked() as folder:
        genotype = finished(folder, Silent())
        assert genotype is not None
        choices = [space.choice(other.directions) for other in found if other is not None]
        epochs = halves[0].config.train.epochs
        said = verdict(space.choice(genotype.directions), Halves(space, choices, run.config.seed, undecided), epochs)
        genotype = genotype.model_copy(update={"confirmed": said})
        genotype.save(run.path / "genotype.json")
    return genotype
