"""Losses and right answers of a training: they stay on the device until somebody asks for them."""

from __future__ import annotations

import math
import time
from pathlib import Path

import torch

from scansearch.errors import DivergenceError
from scansearch.training.processes import Processes

LOG_STEPS = 10
"""Updates of the weights between two checks of the losses: a log interval."""
GLANCE_S = 0.5
"""Seconds between two looks for a progress display."""


class Meter:
    """Adds up the losses and right answers of an epoch, and remembers the first loss that was not finite.

    Args:
        processes: Those that share the training.
        lr: The peak learning rate, for the message of an error.
        kept: Where the last good checkpoint lies; ``None`` if nothing is kept.
        command: What such a training is begun by, for the same message.
    """

    def __init__(self, processes: Processes, lr: float, kept: Path | None = None, command: str = "run") -> None:
        self.processes, self.lr, self.kept, self.command = processes, lr, kept, command
        self.sums = [0.0, 0.0, 0.0]
        """Of this process in this epoch, as far as they are known: losses times images, right answers, images."""
        self._pending: list[tuple[int, torch.Tensor, torch.Tensor, int]] = []
        self._first_bad: tuple[int, float] | None = None
        self._looked = 0.0

    def add(self, step: int, loss: torch.Tensor, right: torch.Tensor, images: int) -> None:
        """Takes what a step gave; nobody waits for it.

        Args:
            step: The number of the step.
            loss: Its mean loss, a scalar on any device.
            right: How many images were classified right, likewise.
            images: How many there were; with 0 the loss is watched and not added.
        """
        self._pending.append((step, loss.detach(), right, images))

    def settle(self) -> None:
        """Brings everything added so far from the device: one transfer."""
        self._looked = time.monotonic()
        if not self._pending:
            return
        rows = torch.stack([torch.stack((loss.to(right), right)) for _, loss, right, _ in self._pending]).tolist()
        for (step, _, _, images), (loss, right) in zip(self._pending, rows, strict=True):
            if self._first_bad is None and not math.isfinite(loss):
                self._first_bad = step, loss
            if images:
                self.sums = [self.sums[0] + loss * images, self.sums[1] + right, self.sums[2] + images]
        self._pending.clear()

    def glance(self) -> tuple[float, float]:
        """Mean loss and accuracy of the epoch in this process, at most half a second old."""
        if time.monotonic() - self._looked > GLANCE_S:
            self.settle()
        images = max(self.sums[2], 1.0)
        return self.sums[0] / images, self.sums[1] / images

    def total(self) -> tuple[float, float]:
        """Mean loss and accuracy of the epoch over all processes; then the next epoch begins."""
        self.settle()
        loss, right, images = self.processes.sum(self.sums)
        self.sums = [0.0, 0.0, 0.0]
        return loss / images, right / images

    def sums_of_all(self) -> list[float]:
        """The sums of all processes, one after the other, in all of them."""
        return [value for sums in self.processes.gather(self.sums) for value in sums]

    def restore(self, sums: list[float]) -> None:
        """Takes back what ``sums_of_all`` gave; of another number of processes, the first takes it all.

        Raises:
            ValueError: If it is not what any number of processes gave.
        """
        every = len(self.sums)
        if not sums or len(sums) % every:
            raise ValueError(f"sums are {every} numbers for each process, but there are {len(sums)}")
        parts = [sums[start : start + every] for start in range(0, len(sums), every)]
        if len(parts) != self.processes.size:
            total = [math.fsum(column) for column in zip(*parts, strict=True)]
            parts = [total] + [[0.0] * every] * (self.processes.size - 1)
        self.sums = parts[self.processes.rank]

    def check(self) -> None:
        """Checks the losses since the last check, in all processes together.

        Raises:
            DivergenceError: If one of them was not finite; the message names the step.
        """
        self.settle()
        if self.processes.agree(self._first_bad is not None):
            self._first_bad = min(bad for bad in self.processes.gather(self._first_bad) if bad is not None)
            self.check_own()

    def check_own(self) -> None:
        """The same for this process only: what a step does with such a loss may fail before all come to check."""
        self.settle()
        if self._first_bad is not None:
            step, loss = self._first_bad
            raise self.diverged("loss", loss, f"at step {step}")

    def diverged(self, what: str, value: float, where: str) -> DivergenceError:
        """The error that says what became of which value, and what to do."""
        kept = f"; the last good checkpoint is kept in {self.kept}" if self.kept else ""
        lower = f"with a lower rate, for example `scansearch {self.command} ... --set lr={self.lr / 3:.1g}`"
        return DivergenceError(f"the {what} became {value} {where}{kept}", lower)
