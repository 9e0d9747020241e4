"""Regularised evolution (Real et al., arXiv 1802.01548, algorithm 1): the best of a random few has a child, the oldest dies.

The supernet is trained by drawn genotypes and judges; or each network is trained from scratch. A mutation is one move: in one
layer a direction swapped, added or dropped; where constraints leave no such move, layers are drawn anew. Published: population
100, 25 of them compete, 20,000 cycles.
"""

from __future__ import annotations

from collections import deque
from functools import partial

from pydantic import Field
from typing_extensions import override

from scansearch.lazy import torch
from scansearch.runs.limits import MOST_JUDGED
from scansearch.space import Choice
from scansearch.strategy import Traits
from scansearch.strategy.black_box import Ask, BlackBox, BlackBoxSettings, one_of


class EvolutionSettings(BlackBoxSettings):
    """Settings of regularised evolution."""

    population: int = Field(100, ge=2, le=MOST_JUDGED, description="Genotypes alive.")
    competitors: int = Field(
        25, ge=1, le=MOST_JUDGED, description="Genotypes drawn in each cycle, of which the best has a child."
    )
    cycles: int = Field(400, ge=0, le=MOST_JUDGED, description="Children (published: 20000).")


class Evolution(BlackBox):
    """Ageing evolution over genotypes."""

    description = "regularised evolution over genotypes, with the supernet or trained networks as judge"
    when = "judging is cheap and the space is rugged; or with judge=training, for days"
    Settings = EvolutionSettings
    settings: EvolutionSettings

    @property
    @override
    def traits(self) -> Traits:
        return super().traits._replace(judgements=self.settings.population + self.settings.cycles)

    @override
    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        size = self.settings.population
        alive = deque(ask.new(partial(self.draw, random), size), maxlen=size)
        for _ in range(self.settings.cycles):
            drawn = torch.randint(len(alive), (self.settings.competitors,), generator=random).tolist()
            parent = max((alive[i] for i in drawn), key=lambda choice: ask.accuracies[choice])
            near = list(self.space.neighbours(parent))
            child = one_of(near, random) if near else self.space.mutate(parent, random)
            ask(child)
            alive.append(child)  # and the oldest dies
        return ask.best(1)[0]
