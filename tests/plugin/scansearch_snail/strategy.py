"""A strategy: every few steps each layer draws its directions anew; the most drawn are kept. Not a good one."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from typing_extensions import override

from scansearch.models import Selection, Supernet
from scansearch.space import BoundSpace, Choice
from scansearch.strategy import Plan, Strategy, StrategySettings


class LotterySettings(StrategySettings):
    """Settings of the lottery."""

    hold: int = Field(4, ge=1, description="Steps that a draw lasts.")


class Lottery(Strategy):
    """Draws ``keep`` directions a layer at random and keeps those that were drawn most often."""

    description = "draws directions at random and keeps the most drawn (an example of a plug-in)"
    Settings = LotterySettings
    settings: LotterySettings

    @override
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        super().setup(supernet, space, plan)
        self.drawn: Choice = ()
        self.counts = [torch.zeros(len(layer.candidates), dtype=torch.float64) for layer in space]

    @override
    def select(self, step: int) -> list[Selection]:
        """The current draw, each direction with the same weight."""
        if step % self.settings.hold == 0:
            # torch's global generator: its state is in every checkpoint, so a resumed run draws the same.
            self.drawn = self.space.sample()
            for counts, kept in zip(self.counts, self.drawn, strict=True):
                counts[list(kept)] += 1
        return [equal(indices) for indices in self.drawn]

    @override
    def evaluation(self) -> list[Selection]:
        """The directions that would be kept now: an evaluation must not draw."""
        return [equal(indices) for indices in self.choose()]

    @override
    def scores(self) -> list[torch.Tensor]:
        """Each candidate's share of the draws."""
        return [counts / counts.sum().clamp(min=1) for counts in self.counts]

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"drawn": self.drawn, "counts": self.counts}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.drawn, self.counts = tuple(map(tuple, state["drawn"])), state["counts"]


def equal(indices: tuple[int, ...]) -> Selection:
    """These branches with equal weights."""
    return Selection(indices, torch.full((len(indices),), 1 / len(indices)))
