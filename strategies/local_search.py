"""Local search (White et al., arXiv 2005.02960; Den Ottelander et al., arXiv 2004.08996): the baseline that NAS papers forget.

It climbs from the best of some random genotypes, one move in one layer at a time, as long as a neighbour is more accurate; at a
local optimum it begins anew, until all judgements are spent. The paper goes to the best of all neighbours; its code by default to
the first better one, in random order, from the best of ten. Here that is the default, too: 4 of 8 directions in 20 layers have 320
neighbours.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

from pydantic import Field
from typing_extensions import override

from scansearch.lazy import torch
from scansearch.runs.limits import MOST_JUDGED
from scansearch.space import Choice
from scansearch.strategy.black_box import Ask, BlackBox, BlackBoxSettings


class LocalSearchSettings(BlackBoxSettings):
    """Settings of local search."""

    trials: int = Field(200, ge=1, le=MOST_JUDGED, description="Genotypes to judge.")
    initial: int = Field(
        10, ge=1, le=MOST_JUDGED, description="Random genotypes, from the best of which each climb begins."
    )
    improvement: Literal["first", "best"] = Field(
        "first",
        description="Where a climb goes: to the first neighbour that is better, in random order, or to the best of all.",
    )


class LocalSearch(BlackBox):
    """Climbs by single moves, again and again."""

    description = "hill climbing by single moves, from new random genotypes at every local optimum"
    when = "you want a second baseline: what simply climbing finds with as many judgements"
    Settings = LocalSearchSettings
    settings: LocalSearchSettings

    @property
    @override
    def judgements(self) -> int:
        return self.settings.trials

    @override
    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        """Climb after climb; where constraints leave no single move, that is random search."""
        while left := self.settings.trials - len(ask.accuracies):
            found = ask.new(partial(self.draw, random), min(self.settings.initial, left))
            if not found:  # all have been judged
                break
            at: Choice | None = max(found, key=ask.accuracies.__getitem__)
            while at is not None:
                at = self._better(at, ask, random)
        return ask.best(1)[0]

    def _better(self, at: Choice, ask: Ask, random: torch.Generator) -> Choice | None:
        """Where the climb goes on from here; ``None`` at a local optimum, or when the judgements are spent."""
        near, best = list(self.space.neighbours(at)), at
        for i in torch.randperm(len(near), generator=random).tolist():
            if near[i] not in ask.accuracies and len(ask.accuracies) == self.settings.trials:
                return None
            if ask(near[i]) > ask.accuracies[best]:
                best = near[i]
                if self.settings.improvement == "first":
                    break
        return None if best == at else best
