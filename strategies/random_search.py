"""Random search with weight sharing (RandomNAS, Li & Talwalkar, arXiv 1902.07638): the baseline that others must beat.

The supernet is trained by uniformly drawn genotypes. Then many are drawn, each judged on a few validation images, and the best
of those on all of them (published: 1,000 on one batch, then 10). Networks trained alone are all judged in full.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from pydantic import Field

from scansearch.engine.black_box import Ask, BlackBox, BlackBoxSettings, best_of, new_ones
from scansearch.space import Choice

if TYPE_CHECKING:
    from scansearch.engine.judge import Judge


class RandomSearchSettings(BlackBoxSettings):
    """Settings of random search."""

    samples: int = Field(100, ge=1, description="Genotypes drawn (published: 1000).")
    images: int = Field(64, ge=0, description="Validation images that the first round takes; 0: all, in one round.")
    finalists: int = Field(10, ge=1, description="Genotypes of the second round, on all validation images.")


class RandomSearch(BlackBox):
    """Judges random genotypes and keeps the best."""

    description = "judges random genotypes and keeps the best: the baseline that every search must beat (RandomNAS)"
    when = "you want to know what the others are worth"
    Settings = RandomSearchSettings
    settings: RandomSearchSettings

    @property
    def _two_rounds(self) -> bool:
        return self.settings.judge == "supernet" and self.settings.images > 0

    @property
    def judgements(self) -> int:
        """Both rounds."""
        return self.settings.samples + (self.settings.finalists if self._two_rounds else 0)

    def finish(self, evaluate: Judge) -> None:
        """The first round is judged by a few validation images."""
        self._quick = lambda choice: evaluate.on(self.settings.images, self.derived(choice))
        super().finish(evaluate)

    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        """One round or two."""
        first: dict[Choice, float] = {}
        for choice in new_ones(partial(self.space.sample, random), self.settings.samples, first):
            first[choice] = self._quick(choice) if self._two_rounds else ask(choice)
        if not self._two_rounds:
            return best_of(first, 1)[0]
        final = {choice: ask(choice) for choice in best_of(first, self.settings.finalists)}
        return best_of(final, 1)[0]
