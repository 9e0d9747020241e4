"""Trainings of random genotypes, beside that of one that was found and as it: which genotypes, and how one is done."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from typing_extensions import override

from scansearch.comparing.drawn import sized_like
from scansearch.comparing.sub_run import SEEDS, SubRun, shared_threads
from scansearch.cost import costs_of
from scansearch.errors import RunFolderError, ScansearchError
from scansearch.genotype import Genotype
from scansearch.models import bind_to
from scansearch.retraining.train_run import resume_training, start_training
from scansearch.runs.config import GenotypePart
from scansearch.runs.run import Run
from scansearch.runs.weights_file import WEIGHTS
from scansearch.searching.configure import model_of
from scansearch.space import Choice, SearchSpace
from scansearch.training.events import Listener

FOLDER = "random"
MOST_DRAWS = 1000
"""Draws in a row that may bring nothing new, before the space counts as used up."""


@dataclass(frozen=True)
class RandomRun(SubRun):
    """The training of a random genotype: a run like any other, in a folder of the training that it is compared with."""

    @classmethod
    def of(cls, run: Run, space: str, number: int, directions: list[list[str]]) -> RandomRun:
        """One of them, with all settings of the run but directions and seed.

        Args:
            run: The training that it is compared with.
            space: Name of that of the draw.
            number: Which one, from 1.
            directions: Its genotype.
        """
        config = run.config
        changed = {
            "seed": (config.seed + number) % SEEDS,
            "genotype": GenotypePart(source=f"random {number} of {space}", directions=directions),
        }
        path = run.path / FOLDER / str(number)
        return cls(path, config.model_copy(update={**changed, **shared_threads(config)}))

    @property
    @override
    def title(self) -> str:
        return f"random {self.path.name}"

    @property
    def done(self) -> bool:
        """Whether it is trained."""
        return (self.path / WEIGHTS).exists()

    @property
    def genotype(self) -> Genotype:
        """What is trained."""
        assert self.config.genotype is not None  # of a training
        return Genotype.from_directions(self.config.genotype.directions)

    @override
    def go_on(self, listener: Listener) -> None:
        if self.begun:
            resume_training(self.path, listener)
        else:
            start_training(self.config, self.genotype, self.path, listener)


def random_genotypes(run: Run, genotype: Genotype, space: SearchSpace, count: int) -> list[list[list[str]]]:
    """Genotypes drawn evenly among all that the space allows and that keep as many directions in each layer; all different.

    The first ones are the same whatever ``count``, so that more can be added.

    Args:
        run: The training; its seed is that of the draws.
        genotype: The one that they are compared with, itself left out.
        space: Where they come from.
        count: How many.

    Raises:
        ScansearchError: If the genotype is not of the space, or there are not so many others.
    """
    spec, shape = model_of(run.config), genotype.shape
    if shape is None:
        raise RunFolderError(f"{run.path / 'genotype.json'} does not say what images its network takes; restore it")
    bound = bind_to(space, spec, shape, costs_of(space, spec, shape))
    try:
        found = bound.choice(genotype.directions)
    except ScansearchError as error:
        raise ScansearchError(f"the genotype of {run.path} is not of space {space.name!r}: {error}") from error
    sized, generator = sized_like(bound, found), torch.Generator().manual_seed(run.config.seed)
    drawn, left = dict[Choice, None](), MOST_DRAWS
    while len(drawn) < count and left:
        choice = sized.sample(generator)
        new = choice != found and choice not in drawn
        left = MOST_DRAWS if new else left - 1
        if new:
            drawn[choice] = None
    if len(drawn) < count:
        raise ScansearchError(
            f"{count} random genotypes are to be compared, but space {space.name!r} has only {len(drawn)} others that keep as many "
            f"directions in each layer; take --random {len(drawn)}"
            if drawn
            else f"space {space.name!r} has no other genotype that keeps as many directions in each layer: nothing can be compared"
        )
    return [bound.directions(choice) for choice in drawn]
