"""The weights of a network in training: module, optimiser, schedule, clipping, and what one update is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn import functional as F

from scansearch.models import Selection, Supernet
from scansearch.runs.config import TrainSettings
from scansearch.training.batch import Batch
from scansearch.training.branch_optimizers import RanBranches
from scansearch.training.loss import cross_entropy
from scansearch.training.meter import Meter
from scansearch.training.optimizer import schedule, weight_optimizer
from scansearch.training.optimizer_state import set_lr
from scansearch.training.parameter_groups import trained_parameters

TUNING_RATE = 0.1
"""Fine-tuning begins at this share of the training's learning rate (DARTS-PT's published code)."""


class Weights:
    """Trains the weights of a network.

    Args:
        network: The network; of a supernet, alpha is none of its weights.
        settings: How they are trained.
        steps_per_epoch: Updates in an epoch.
        fabric: Device, precision and processes.
    """

    def __init__(self, network: nn.Module, settings: TrainSettings, steps_per_epoch: int, fabric: Fabric) -> None:
        self.network, self.settings, self.fabric = network, settings, fabric
        self.steps_per_epoch, self.steps = steps_per_epoch, settings.epochs * steps_per_epoch
        self.ran = RanBranches(network.stacked_parameters() if isinstance(network, Supernet) else [])
        self.module, self.optimizer = fabric.setup(network, weight_optimizer(network, settings, self.ran))
        self.restarts: Sequence[int] = ()
        """Epochs, from 0 and in order, with which the schedule begins anew."""

    def factor(self, step: int) -> float:
        """The schedule at a step, as a factor of the peak learning rate."""
        begin, end = self._span(step)
        warmup, taken = round(self.settings.warmup_epochs * self.steps_per_epoch), step - begin
        begun = taken - taken % self.steps_per_epoch
        if taken < warmup:
            taken = begun if self.settings.warmup_by == "epoch" else taken
        elif self.settings.decay_by == "epoch":
            taken = max(warmup, begun)
        return schedule(taken, end - begin, warmup, self.settings.min_lr / self.settings.lr)

    def _span(self, step: int) -> tuple[int, int]:
        """The first step of the schedule that this one belongs to, and the one after its last."""
        bounds = [0, *(epoch * self.steps_per_epoch for epoch in self.restarts), self.steps]
        return next(span for span in pairwise(bounds) if step < span[1] or span[1] == self.steps)

    def begin_anew(self, fresh: nn.Module) -> None:
        """Takes the weights of another network of this kind, alpha too, and forgets what the optimiser remembers."""
        self.network.load_state_dict(fresh.state_dict())
        self.optimizer.state.clear()

    @property
    def rate(self) -> float:
        """The learning rate; with ``layer_decay``, that of the last layer, which is the highest."""
        return max(float(group["lr"]) for group in self.optimizer.param_groups)

    def set_rate(self, step: int) -> None:
        """Sets the learning rate of a step."""
        set_lr(self.optimizer, self.settings.lr * self.factor(step))

    def tuning_factor(self, update: int, updates: int) -> float:
        """The schedule of fine-tuning after the last step, likewise: from a tenth, on a cosine."""
        floor = self.settings.min_lr / self.settings.lr
        highest = max(TUNING_RATE, floor)
        return highest * schedule(update, updates, 0, floor / highest)

    def set_tuning_rate(self, update: int, updates: int) -> None:
        """Sets the learning rate of fine-tuning, which begins with a fresh optimiser."""
        if update == 0:
            self.optimizer.state.clear()
        set_lr(self.optimizer, self.settings.lr * self.tuning_factor(update, updates))

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Cross-entropy with label smoothing, in float32."""
        return cross_entropy(logits, targets, self.settings.label_smoothing)

    def forward(self, batch: Batch, selections: Sequence[Selection] | None = None) -> torch.Tensor:
        """Logits (B, classes) of a batch, whose gradients will move the weights: of branches, only those that run here.

        Args:
            batch: What is learned from.
            selections: Of a supernet, one a layer.
        """
        arguments = () if selections is None else (selections,)
        logits: torch.Tensor = self.module(batch.images, *arguments)
        self.ran.note(selections)
        return logits

    def backward(
        self, batch: Batch, selections: Sequence[Selection] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients of the loss of a batch, and of nothing else; gives the logits (B, classes) and the loss.

        Args:
            batch: What is learned from.
            selections: Of a supernet, one a layer.
        """
        self.optimizer.zero_grad()
        self.ran.clear()
        return self.add(batch, selections)

    def add(self, batch: Batch, selections: Sequence[Selection] | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """As ``backward``, but adds to the gradients that are there."""
        logits = self.forward(batch, selections)
        loss = self.loss(logits, batch.targets)
        self.fabric.backward(loss)
        return logits.detach(), loss.detach()

    def distil(self, batch: Batch, teacher: torch.Tensor, selections: Sequence[Selection] | None = None) -> None:
        """Adds the gradients of the cross-entropy with what a teacher predicts for a batch.

        Args:
            batch: What is learned from; its targets do not count.
            teacher: The teacher's logits (B, classes), of which no gradient is taken.
            selections: As of ``backward``.
        """
        logits = self.forward(batch, selections)
        self.fabric.backward(F.cross_entropy(logits.float(), teacher.detach().float().softmax(1)))

    def update(self) -> None:
        """Moves the weights by their gradients, clipped; the one place where they move. What did not run stays as it is."""
        if self.settings.clip_norm:
            weights = [p for _, p in trained_parameters(self.network) if p.grad is not None]
            torch.nn.utils.clip_grad_norm_(weights, self.settings.clip_norm)
        self.optimizer.step()

    def check_finite(self, meter: Meter, step: int) -> None:
        """Checks every parameter, with one transfer from the device.

        Raises:
            DivergenceError: If one is not finite: such a state must not replace a good one.
        """
        names, parameters = zip(*self.network.named_parameters(), strict=True)
        with torch.no_grad():
            sums = torch.stack([parameter.sum(dtype=torch.float64) for parameter in parameters])
        bad = (~sums.isfinite()).nonzero().flatten().tolist()
        if bad:
            raise meter.diverged(f"sum of {names[bad[0]]}", float(sums[bad[0]]), f"at step {step}")
