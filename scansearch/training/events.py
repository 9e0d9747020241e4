"""What the loop tells the outside while it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step.

    Args:
        epoch: Current epoch, from 1.
        epochs: Epochs in all.
        step: Weight updates so far.
        steps: Weight updates in all.
        loss: Mean training loss of the epoch so far.
        accuracy: Mean training accuracy of the epoch so far, in [0, 1].
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float


@runtime_checkable
class Listener(Protocol):
    """Receives the events of a run."""

    def checked(self, done: int, most: int) -> None:
        """Before the run begins: ``done`` of ``most`` image files were checked."""

    def started(self, facts: Mapping[str, Any], progress: Progress) -> None:
        """The run begins or goes on; ``facts`` describe it."""

    def stepped(self, progress: Progress) -> None:
        """One step is done."""

    def epoch_done(self, row: Mapping[str, Any]) -> None:
        """One epoch is done; ``row`` is its line of ``metrics.csv``, of a training that of ``epochs.csv``."""

    def judged(self, done: int, most: int, accuracy: float) -> None:
        """After training, one of at most ``most`` genotypes was evaluated: its validation accuracy in [0, 1], in dense tasks mean IoU."""

    def tuned(self, done: int, most: int) -> None:
        """After training, one of ``most`` updates of fine-tuning between decisions is done."""

    def warned(self, message: str) -> None:
        """Something the user should know, in one line."""


class Silent:
    """A listener that ignores everything."""

    def checked(self, done: int, most: int) -> None:
        """Ignored."""

    def started(self, facts: Mapping[str, Any], progress: Progress) -> None:
        """Ignored."""

    def stepped(self, progress: Progress) -> None:
        """Ignored."""

    def epoch_done(self, row: Mapping[str, Any]) -> None:
        """Ignored."""

    def judged(self, done: int, most: int, accuracy: float) -> None:
        """Ignored."""

    def tuned(self, done: int, most: int) -> None:
        """Ignored."""

    def warned(self, message: str) -> None:
        """Ignored."""
