"""DARTS: a softmax over the candidates of each layer, of which the largest are kept.

Levels:

- ``joint``: alpha and the weights learn from the same batches with the same gradient, as in LocalMamba
  (arXiv 2403.09338, section 4.3). Not the bilevel search of the DARTS paper.
- ``bilevel``: first-order DARTS (Liu et al., arXiv 1806.09055, eq. 6): alpha learns from held-out training data.
- ``unrolled``: second-order DARTS (eqs. 7 and 8): alpha's gradient is taken after a virtual step of the weights.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field

from scansearch.engine.optim import set_lr
from scansearch.engine.strategy import Plan, Step, Strategy, StrategySettings
from scansearch.engine.unrolled import unrolled_gradient
from scansearch.errors import ScansearchError
from scansearch.models import Selection, Supernet
from scansearch.space import BoundSpace

PUBLISHED = {
    # rate, weight decay, betas, updates of alpha in the published search
    "joint": (1e-3, 0.04, (0.9, 0.999), 100 * 1251),  # ImageNet, batch 1024
    "bilevel": (3e-4, 1e-3, (0.5, 0.999), 50 * 390),  # half of CIFAR-10, batch 64
    "unrolled": (3e-4, 1e-3, (0.5, 0.999), 50 * 390),
}
LARGEST_SHORT_RATE = 3e-2


class DartsSettings(StrategySettings):
    """Settings of DARTS."""

    level: Literal["joint", "bilevel", "unrolled"] = Field(
        "joint", description="joint: alpha and weights on the same batches; bilevel, unrolled: alpha on held-out data."
    )
    alpha_lr: float | None = Field(
        None,
        gt=0,
        description="Learning rate of alpha. Unset: the published rate (joint 1e-3, else 3e-4) times published updates over "
        "this run's, at most 0.03, so that a short run can move alpha as far as the published one.",
    )
    alpha_weight_decay: float | None = Field(
        None, ge=0, description="Weight decay of alpha. Unset: 0 for joint, 1e-3 (as published) otherwise."
    )
    held_out: float = Field(0.5, gt=0, lt=1, description="Share of the training data for alpha (bilevel, unrolled).")


class Darts(Strategy):
    """Softmax relaxation over the candidates of each layer; keeps the k largest probabilities."""

    description = "softmax over all candidates, keep the k largest (LocalMamba's; joint, bilevel or unrolled)"
    Settings = DartsSettings
    settings: DartsSettings
    presets: ClassVar[dict[str, dict[str, dict[str, Any]]]] = {
        "paper": {  # LocalMamba's search recipe, for long runs
            "train": {
                "epochs": 100, "lr": 1e-3, "warmup_epochs": 20, "weight_decay": 0.04,
                "clip_norm": 0.0, "batch_size": 1024,
            },
            "strategy": {"level": "joint", "alpha_lr": 1e-3, "alpha_weight_decay": 0.04},
        },
        "darts": {  # Liu et al., for long runs
            "train": {
                "epochs": 50, "batch_size": 64, "optimizer": "sgd", "lr": 0.025, "min_lr": 0.001, "warmup_epochs": 0,
                "weight_decay": 3e-4, "clip_norm": 5.0, "label_smoothing": 0.0,
            },
            "strategy": {"level": "bilevel", "alpha_lr": 3e-4, "alpha_weight_decay": 1e-3},
        },
    }  # fmt: skip

    @property
    def held_out_share(self) -> float:
        """Half of the training data by default; none for the joint level."""
        return 0.0 if self.settings.level == "joint" else self.settings.held_out

    def train_defaults(self) -> dict[str, Any]:
        """The virtual step of ``unrolled`` is one of SGD (Liu et al.); the other levels take the general defaults."""
        if self.settings.level != "unrolled":
            return {}
        return {"optimizer": "sgd", "lr": 0.025, "min_lr": 0.001, "weight_decay": 3e-4, "clip_norm": 5.0}

    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        """Makes the optimiser of alpha."""
        super().setup(supernet, space, plan)
        rate, decay, betas, updates = PUBLISHED[self.settings.level]
        short = max(rate, min(rate * updates / plan.steps, LARGEST_SHORT_RATE))
        self.rate = self.settings.alpha_lr or short
        wanted = self.settings.alpha_weight_decay
        decay = wanted if wanted is not None else (0.0 if self.settings.level == "joint" else decay)
        kind = torch.optim.AdamW if self.settings.level == "joint" else torch.optim.Adam
        self.optimizer = kind(supernet.architecture_parameters(), lr=self.rate, betas=betas, weight_decay=decay)

    def select(self, step: int) -> list[Selection]:
        """Every candidate, weighted by the softmax of alpha."""
        return [
            Selection(tuple(range(alpha.numel())), alpha.flatten().softmax(0))
            for alpha in self.supernet.architecture_parameters()
        ]

    def before_weights(self, step: Step) -> None:
        """Bilevel and unrolled: one step of alpha on the held-out batch."""
        if self.settings.level == "joint":
            return
        alphas = self.supernet.architecture_parameters()
        if step.held_out is None:
            raise ScansearchError(f"level {self.settings.level} needs held-out data, but the loop gave none")
        if self.settings.level == "bilevel":
            gradients = list(torch.autograd.grad(step.loss(step.held_out, self.select(step.number)), alphas))
        else:
            weights = [p for _, p in self.supernet.weight_parameters()]
            gradients = unrolled_gradient(step, lambda: self.select(step.number), alphas, weights)
        for alpha, gradient in zip(alphas, gradients, strict=True):
            alpha.grad = gradient
        self.optimizer.step()
        self.optimizer.zero_grad()

    def after_backward(self, step: Step) -> None:
        """Joint: alpha moves by the gradient of the weights' own loss, on their schedule; otherwise it is dropped."""
        if self.settings.level == "joint":
            set_lr(self.optimizer, self.rate * step.schedule)
            self.optimizer.step()
        self.optimizer.zero_grad()

    def scores(self) -> list[torch.Tensor]:
        """The probabilities of each layer's candidates."""
        return [a.detach().double().flatten().softmax(0).cpu() for a in self.supernet.architecture_parameters()]

    def alpha_lr(self) -> float:
        """Learning rate of alpha now."""
        return float(self.optimizer.param_groups[0]["lr"])

    def state_dict(self) -> dict[str, Any]:
        """Alpha is in the supernet; here is its optimiser."""
        return {"optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back the optimiser."""
        self.optimizer.load_state_dict(state["optimizer"])
