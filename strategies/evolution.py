"""Regularised evolution (Real et al., arXiv 1802.01548, algorithm 1): the best of a random few has a child, the oldest dies.

The supernet is trained by drawn genotypes and judges; or each network is trained from scratch. A mutation is one move: in one
layer a direction swapped, added or dropped; where constraints leave no such move, layers are drawn anew. Published: population
100, 25 of them compete, 20,000 networks in all.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from scansearch.lazy import torch
from scansearch.runs.limits import MOST_JUDGED
from scansearch.space import Choice
from scansearch.strategy.black_box import Ask, BlackBox, BlackBoxSettings, one_of
from scansearch.strategy.preset import Preset


class EvolutionSettings(BlackBoxSettings):
    """Settings of regularised evolution."""

    population: int = Field(100, ge=2, le=MOST_JUDGED, description="Genotypes alive.")
    competitors: int = Field(
        25, ge=1, le=MOST_JUDGED, description="Genotypes drawn in each cycle, of which the best has a child."
    )
    cycles: int = Field(
        400, ge=0, le=MOST_JUDGED, description="Children (published: 19,900, for 20,000 networks with the first 100)."
    )


class Evolution(BlackBox):
    """Ageing evolution over genotypes."""

    description = "regularised evolution over genotypes, with the supernet or trained networks as judge"
    when = "judging is cheap and the space is rugged; or with judge=training, for days"
    Settings = EvolutionSettings
    settings: EvolutionSettings
    presets: ClassVar[dict[str, Preset]] = {
        "aging": Preset(
            source="Real et al., arXiv 1802.01548, section 4: 20,000 networks on CIFAR-10, the first 100 among them",
            settings={
                "strategy": {
                    "population": 100, "competitors": 25, "cycles": 19_900, "judge": "training", "judge_epochs": 25,
                },
            },
            not_here=("how each network is trained: set that in train and augment", "mutations of what a cell's parts are joined to"),
        ),
    }  # fmt: skip

    @property
    @override
    def judgements(self) -> int:
        return self.settings.population + self.settings.cycles

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
