"""Binary gates (ProxylessNAS, Cai et al., arXiv 1812.00332, section 3.2), k of N.

The weights learn under gates drawn without replacement in proportion to softmax(alpha): k branches run, equally weighted.
Every few steps alpha learns from held-out data by the gradient of the loss in the gates g (eq. 4):

    dL/dalpha_i = sum_j dL/dg_j p_j (delta_ij - p_i)

- ``paths=full``: all N branches run in this step, those whose gate is closed with weight 0.
- ``paths=two``: two directions compete for one place, the others of the draw stay: k + 1 branches run. The rule is applied to
  the two with their renormalised probabilities, and both are shifted so that the other probabilities stay as they were. The
  drawn one of the two is open; published, which of them is open is drawn again.

Published: alpha by Adam with rate 1e-3, no momentum (beta1 = 0) and no decay, every 5 steps, after a warm-up of 40 of 160
epochs. A draw ignores constraints and the budget, which the choice in the end respects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.runs.limits import MOST_STEPS
from scansearch.space import LayerSpace
from scansearch.strategy import Step
from scansearch.strategy.gradient import GradientSettings, GradientStrategy, Recipe

PROXYLESS = Recipe(1e-3, 0.0, (0.0, 0.999), 120 * 961)
"""ImageNet without its held-out 50,000 images, batch 256, alpha every 5 steps of 120 epochs."""


class BinaryGatesSettings(GradientSettings):
    """Settings of binary gates."""

    level: Literal["joint", "bilevel"] = Field(
        "bilevel", description="Alpha learns from held-out data (bilevel) or from the training batch (joint)."
    )
    paths: Literal["full", "two"] = Field("two", description="full: all branches run when alpha learns; two: k + 1.")
    alpha_every: int = Field(5, ge=1, le=MOST_STEPS, description="Steps between updates of alpha.")
    alpha_warmup: float = Field(0.25, ge=0, lt=1, description="Share of the search in which alpha stands still.")


class BinaryGates(GradientStrategy):
    """Runs k drawn branches; alpha learns by the gradients of gates."""

    description = (
        "k drawn branches, alpha from the gradients of their gates (ProxylessNAS); k/N of the cost of a mixture"
    )
    when = "many directions and long runs: alpha learns slowly, but a step is cheap"
    Settings = BinaryGatesSettings
    settings: BinaryGatesSettings
    draws: ClassVar[bool] = True
    recipes: ClassVar[dict[str, Recipe]] = {"joint": PROXYLESS, "bilevel": PROXYLESS}

    @override
    def moves(self, step: int) -> bool:
        return super().moves(step) and step % self.settings.alpha_every == 0

    @override
    def mixture(self, alphas: Sequence[torch.Tensor], step: int) -> list[Selection]:
        """A draw, equally weighted; no gradient reaches alpha through it."""
        return self.derived(tuple(_draw(alpha, layer) for alpha, layer in zip(alphas, self.space, strict=True)))

    @override
    def before_weights(self, step: Step) -> None:
        """One step of alpha, by the gradients of the gates."""
        if self.moves(step.number):
            self._learn(step)

    @override
    def after_backward(self, step: Step) -> None:
        """Nothing: alpha learns before the weights, at every level."""
        self.optimizer.zero_grad()

    def _learn(self, step: Step) -> None:
        alphas = [alpha.detach() for alpha in self.alphas()]
        drawn = [_draw(alpha, layer) for alpha, layer in zip(alphas, self.space, strict=True)]
        paths = [
            _all(a, d) if self.settings.paths == "full" else _two(a, d) for a, d in zip(alphas, drawn, strict=True)
        ]
        gates = [torch.zeros(len(runs), device=a.device) for (runs, _, _), a in zip(paths, alphas, strict=True)]
        for gate, (_, opened, _) in zip(gates, paths, strict=True):
            gate[opened] = 1.0 / len(opened)
            gate.requires_grad_()
        selections = self.regulariser.with_shortcut(
            [Selection(runs, gate) for (runs, _, _), gate in zip(paths, gates, strict=True)], step.number
        )
        batch = step.train if self.settings.level == "joint" or step.held_out is None else step.held_out
        found = step.mean(torch.autograd.grad(step.raw_loss(batch, selections), gates))
        for parameter, alpha, (runs, _, rivals), slopes in zip(
            self.supernet.architecture_parameters(), alphas, paths, found, strict=True
        ):
            names, slope = torch.tensor([runs[i] for i in rivals]), slopes[rivals]
            p = alpha[names].softmax(0)
            gradient = torch.zeros_like(alpha)
            gradient[names] = p * (slope - (slope * p).sum())
            parameter.grad = gradient.view_as(parameter)
        self._penalise()
        before = [alpha.clone() for alpha in alphas]
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.settings.paths == "two":
            self._restore_others(before, paths)

    def _restore_others(self, before: Sequence[torch.Tensor], paths: Sequence[Any]) -> None:
        """Only the rivals move, and together they keep their share: both shift by log(sum e^old / sum e^new)."""
        with torch.no_grad():
            for parameter, old, (runs, _, rivals) in zip(
                self.supernet.architecture_parameters(), before, paths, strict=True
            ):
                names, new = torch.tensor([runs[i] for i in rivals]), old.clone()
                moved = parameter.flatten()[names]
                new[names] = moved + torch.logsumexp(old[names], 0) - torch.logsumexp(moved, 0)
                parameter.copy_(new.view_as(parameter))


def _possible(alpha: torch.Tensor) -> torch.Tensor:
    """softmax(alpha), in which nothing has underflown to 0: as many must be drawn as are wanted."""
    return alpha.softmax(0).clamp_min(1e-30)


def _draw(alpha: torch.Tensor, layer: LayerSpace) -> tuple[int, ...]:
    """Candidates without replacement, in proportion to softmax(alpha); as many as the layer keeps at most."""
    return tuple(sorted(torch.multinomial(_possible(alpha.detach()), layer.most).tolist()))


def _all(alpha: torch.Tensor, drawn: tuple[int, ...]) -> tuple[tuple[int, ...], list[int], list[int]]:
    """Branches that run, places of the open gates, places of those that learn: all run and learn."""
    return tuple(range(len(alpha))), list(drawn), list(range(len(alpha)))


def _two(alpha: torch.Tensor, drawn: tuple[int, ...]) -> tuple[tuple[int, ...], list[int], list[int]]:
    """One of the drawn and one of the others compete, drawn in proportion to softmax(alpha); the drawn one is open."""
    p = _possible(alpha)
    outside = [i for i in range(len(alpha)) if i not in drawn]
    if not outside:
        return drawn, list(range(len(drawn))), list(range(len(drawn)))
    inner = drawn[int(torch.multinomial(p[list(drawn)], 1))]
    outer = outside[int(torch.multinomial(p[outside], 1))]
    runs = tuple(sorted((*drawn, outer)))
    return runs, [runs.index(i) for i in drawn], sorted((runs.index(inner), runs.index(outer)))
