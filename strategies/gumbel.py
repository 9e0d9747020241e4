"""Gumbel top-k sampling, the k-of-N form of GDAS (Dong & Yang, arXiv 1910.04465, eqs. 3 to 5).

Every step perturbs log softmax(alpha) by Gumbel noise and runs the best directions by it that the space allows: for a fixed
number of them a draw without replacement (Vieira's Gumbel top-k trick), so that a step costs k/N of a mixture. Forwards they
have equal weights, as the derived network has; backwards the gradient goes to softmax((log softmax(alpha) + noise) / tau)
(straight through). The temperature tau falls linearly from 10 to 0.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.space import Choice
from scansearch.strategy.gradient import GradientSettings, GradientStrategy

TRIES = 100


class GumbelSettings(GradientSettings):
    """Settings of Gumbel sampling; the defaults are the published ones."""

    tau_from: float = Field(10.0, ge=1e-3, le=1000, description="Temperature at the beginning.")
    tau_to: float = Field(0.1, ge=1e-3, le=1000, description="Temperature at the end; linear in between.")


class Gumbel(GradientStrategy):
    """Runs k sampled directions a layer, with gradients to alpha straight through the draw."""

    description = "k directions drawn by Gumbel noise, gradients straight through (GDAS); k/N of the cost of a mixture"
    when = "many directions, gradients wanted, and a supernet that should resemble the derived network"
    Settings = GumbelSettings
    settings: GumbelSettings
    draws: ClassVar[bool] = True

    def tau(self, step: int) -> float:
        """Temperature at a step."""
        share = min(1.0, step / max(1, self.plan.steps - 1))
        return self.settings.tau_from + (self.settings.tau_to - self.settings.tau_from) * share

    def mixture(self, alphas: Sequence[torch.Tensor], step: int) -> list[Selection]:
        """A draw: equal weights forwards, the relaxed ones backwards."""
        perturbed = [alpha.log_softmax(0) + _gumbel(alpha) for alpha in alphas]
        choice = self._drawn(torch.cat([values.detach() for values in perturbed]).cpu())
        tau = self.tau(step)
        return [_straight_through(values / tau, kept) for values, kept in zip(perturbed, choice, strict=True)]

    def _drawn(self, perturbed: torch.Tensor) -> Choice:
        """The best by ``perturbed``, those of all layers one after the other: without rules and budget simply the k largest."""
        values = perturbed.split([len(layer.candidates) for layer in self.space])
        if self.space.budget is None and all(layer.least == layer.most and not layer.rules for layer in self.space):
            return tuple(_largest(found, layer.least) for found, layer in zip(values, self.space, strict=True))
        return self.space.best([found.double() for found in values])


def _largest(values: torch.Tensor, count: int) -> tuple[int, ...]:
    """Of equals, the earlier ones, as the exact solver has it."""
    return tuple(sorted(values.argsort(descending=True, stable=True)[:count].tolist()))


def _straight_through(logits: torch.Tensor, kept: tuple[int, ...]) -> Selection:
    relaxed = logits.softmax(0)[list(kept)]
    return Selection(kept, (1.0 - relaxed.detach() + relaxed) / len(kept))


def _gumbel(like: torch.Tensor) -> torch.Tensor:
    """Gumbel noise, drawn again where it is infinite."""
    for _ in range(TRIES):
        noise = -torch.empty_like(like).exponential_().log()
        if bool(noise.isfinite().all()):
            return noise
    return torch.zeros_like(like)
