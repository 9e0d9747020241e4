"""A strategy: every few steps each layer draws its directions anew; the most drawn are kept. Not a good one."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field

from scansearch.engine.strategy import Plan, Strategy, StrategySettings, top
from scansearch.models import Selection, Supernet
from scansearch.space import LayerSpace


class LotterySettings(StrategySettings):
    """Settings of the lottery."""

    hold: int = Field(4, ge=1, description="Steps that a draw lasts.")


class Lottery(Strategy):
    """Draws ``keep`` directions a layer at random and keeps those that were drawn most often."""

    description = "draws directions at random and keeps the most drawn (an example of a plug-in)"
    Settings = LotterySettings
    settings: LotterySettings

    def setup(self, supernet: Supernet, layers: tuple[LayerSpace, ...], plan: Plan) -> None:
        """Starts with no draw."""
        super().setup(supernet, layers, plan)
        self.drawn: list[tuple[int, ...]] = []
        self.counts = [torch.zeros(len(layer.candidates), dtype=torch.float64) for layer in layers]

    def select(self, step: int) -> list[Selection]:
        """The current draw, each direction with the same weight."""
        if step % self.settings.hold == 0:
            # torch's global generator: its state is in every checkpoint, so a resumed run draws the same.
            draws = [torch.randperm(len(layer.candidates))[: layer.keep] for layer in self.layers]
            self.drawn = [tuple(sorted(draw.tolist())) for draw in draws]
            for counts, draw in zip(self.counts, draws, strict=True):
                counts[draw] += 1
        return [equal(indices) for indices in self.drawn]

    def evaluation(self) -> list[Selection]:
        """The directions that would be kept now: an evaluation must not draw."""
        return [equal(top(counts, layer.keep)) for counts, layer in zip(self.counts, self.layers, strict=True)]

    def scores(self) -> list[torch.Tensor]:
        """Each candidate's share of the draws."""
        return [counts / counts.sum().clamp(min=1) for counts in self.counts]

    def state_dict(self) -> dict[str, Any]:
        """The draw and the counts."""
        return {"drawn": self.drawn, "counts": self.counts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back the draw and the counts."""
        self.drawn, self.counts = state["drawn"], state["counts"]


def equal(indices: tuple[int, ...]) -> Selection:
    """These branches with equal weights."""
    return Selection(indices, torch.full((len(indices),), 1 / len(indices)))
