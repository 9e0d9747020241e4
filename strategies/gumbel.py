"""Gumbel sampling, the k-of-N form of GDAS (Dong & Yang, arXiv 1910.04465, eqs. 3 to 5).

Every step draws k directions and runs them with equal weights, as the derived network has them, so that it costs k/N of a
mixture. Backwards the gradient goes straight through the draw: direction i has the weight (1 + r_i - stop(r_i)) / k.

- ``relaxation=top_k``: the k largest of log softmax(alpha) + Gumbel noise run (Vieira's draw without replacement), and r is their
  relaxed top-k (``strategy/gradient/subsets.py``). Its temperature tau falls linearly from 10 to 0.1. At k = 1 this is GDAS.
- ``relaxation=marginals``: S is drawn by P(S) ~ exp(sum of alpha over S), and r_i = P(i in S); there is no temperature.

A softmax over all N, as GDAS has it, relaxes which direction comes first, and hardly touches the choice between ranks k and
k + 1. Where a space has constraints, a budget or a variable number of directions, the best genotype by log softmax(alpha) +
noise that it allows runs, and r is that of as many directions without constraints.

Which branches run must be known on the host. For that alpha is copied there once a step, which waits for the step before;
nothing else waits. The noise is drawn there, too, so that it is the same on every device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.space import Choice
from scansearch.strategy.gradient import GradientSettings, GradientStrategy
from scansearch.strategy.gradient.subsets import LayerSubsets, Subsets, alike, gumbel_noise, on_host, relaxed_top_k
from scansearch.strategy.preset import CIFAR_AUGMENT, CIFAR_NOT_HERE, CIFAR_TRAIN, Preset


class GumbelSettings(GradientSettings):
    """Settings of Gumbel sampling; the defaults are the published ones."""

    relaxation: Literal["top_k", "marginals"] = Field(
        "top_k",
        description="What gradients go to. top_k: the relaxed k largest by Gumbel noise, published for one direction; marginals: "
        "the probability of each direction to be among k drawn ones, without a temperature.",
    )
    tau_from: float = Field(10.0, ge=1e-3, le=1000, description="top_k: temperature at the beginning.")
    tau_to: float = Field(0.1, ge=1e-3, le=1000, description="top_k: temperature at the end; linear in between.")


class Gumbel(GradientStrategy):
    """Runs k sampled directions a layer, with gradients to alpha straight through the draw."""

    description = "k directions drawn by Gumbel noise, gradients straight through to a relaxed top k (GDAS); k/N of the cost of a mixture"
    when = "many directions, gradients wanted, and a supernet that should resemble the derived network"
    Settings = GumbelSettings
    settings: GumbelSettings
    draws: ClassVar[bool] = True
    presets: ClassVar[dict[str, Preset]] = {
        "gdas": Preset(
            source="Dong & Yang, arXiv 1910.04465, and GDAS-NASNet-CIFAR.config of their code: on CIFAR-10",
            settings={
                "train": {**CIFAR_TRAIN, "epochs": 250, "batch_size": 256, "decay_by": "step", "weight_decay": 5e-4},
                "augment": CIFAR_AUGMENT,
                "strategy": {
                    "level": "bilevel", "alpha_lr": 3e-4, "alpha_weight_decay": 1e-3, "held_out": 0.5, "tau_from": 10.0,
                    "tau_to": 0.1,
                },
            },
            not_here=("Nesterov momentum", "alpha moves after the weights in a step there, before them here", *CIFAR_NOT_HERE),
        ),
    }  # fmt: skip

    def tau(self, step: int) -> float:
        """Temperature at a step."""
        share = min(1.0, step / max(1, self.plan.steps - 1))
        return self.settings.tau_from + (self.settings.tau_to - self.settings.tau_from) * share

    def mixture(self, alphas: Sequence[torch.Tensor], step: int) -> list[Selection]:
        """A draw: equal weights forwards, the relaxed ones backwards."""
        values = on_host(alphas)
        noise = gumbel_noise((sum(map(len, values)),)).split([len(alpha) for alpha in values])
        kept = self._drawn(values, noise)
        weights: dict[int, torch.Tensor] = {}
        for layers in alike(values, [len(chosen) for chosen in kept]):
            alpha, chosen = torch.stack([alphas[i] for i in layers]), torch.tensor([kept[i] for i in layers])
            if self.settings.relaxation == "marginals":
                relaxed = _marginals(alpha, torch.stack([values[i] for i in layers]), chosen)
            else:
                perturbed = alpha + torch.stack([noise[i] for i in layers]).to(alpha)
                relaxed = relaxed_top_k(perturbed, chosen.shape[1], self.tau(step)).gather(1, chosen.to(alpha.device))
            weights.update(zip(layers, (1.0 + (relaxed - relaxed.detach())) / chosen.shape[1], strict=True))
        return [Selection(chosen, weights[i]) for i, chosen in enumerate(kept)]

    def _drawn(self, values: Sequence[torch.Tensor], noise: Sequence[torch.Tensor]) -> Choice:
        """What runs; for a fixed number of directions, without constraints and budget, the space's solver is not needed."""
        if self.space.budget is None and all(layer.least == layer.most and not layer.rules for layer in self.space):
            counts = [layer.least for layer in self.space]
            if self.settings.relaxation == "marginals":
                return LayerSubsets(values, counts).draw()
            return tuple(
                _largest((alpha + more).tolist(), k) for alpha, more, k in zip(values, noise, counts, strict=True)
            )
        return self.space.best([alpha.log_softmax(0) + more for alpha, more in zip(values, noise, strict=True)])


def _largest(values: Sequence[float], count: int) -> tuple[int, ...]:
    """Of equals, the earlier ones, as the exact solver has it."""
    return tuple(sorted(sorted(range(len(values)), key=lambda i: -values[i])[:count]))


def _marginals(alpha: torch.Tensor, values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Zeros with the slopes in alpha (L, N) that the marginals of the chosen ones (L, k) have, by alpha's ``values``."""
    covariance = Subsets(values, chosen.shape[1]).covariance
    slopes = covariance.take_along_dim(chosen[..., None], dim=1).to(alpha)
    return (slopes @ (alpha - alpha.detach())[..., None]).squeeze(-1)
