"""What a strategy may do besides: the loop calls these, and by default nothing happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from scansearch.models import Selection
from scansearch.space import Choice
from scansearch.strategy.step import Distillation, Step

if TYPE_CHECKING:
    from scansearch.runs.tables import MetricsRow
    from scansearch.training.evaluate import Measured

Report = Callable[[int, float], bool]
"""Told an epoch of a training, from 1, and the validation accuracy after it, in [0, 1]; says whether to end the training there."""


class Judge(Protocol):
    """What a strategy asks after training: how good is this genotype?

    What is called accuracy here is the task's ``ImageShape.measure``: in dense tasks the mean IoU.
    """

    def __call__(self, selections: Sequence[Selection]) -> float:
        """Validation accuracy in [0, 1] of the supernet under these selections."""

    def measure(self, selections: Sequence[Selection]) -> Measured:
        """The same with the loss: ``loss``, the mean cross-entropy, and ``worth``, the accuracy."""

    def on(self, images: int, selections: Sequence[Selection]) -> float:
        """The accuracy on so many validation images, evenly spaced: quicker, and rougher."""

    def from_scratch(self, choice: Choice, epochs: int, *, seed: int = 0, report: Report | None = None) -> float:
        """Validation accuracy in [0, 1] of the derived network, trained from scratch for so many epochs.

        Args:
            choice: The genotype.
            epochs: How long it is trained.
            seed: Which of several trainings of it: added to the seed of the run.
            report: Told the accuracy after every epoch, and asked whether to end there.
        """

    def tune(self, updates: int) -> None:
        """Trains on by so many updates, each with the strategy's ``select`` and the hooks around it, numbered on from the last.

        What was done before an interruption is not repeated.
        """


class Hooks:
    """Empty defaults of everything that a strategy need not do."""

    def train_defaults(self) -> dict[str, Any]:
        """Training settings that this strategy wants unless the user says otherwise."""
        return {}

    def rehearse(self) -> None:
        """Called before ``setup`` in a dry run: what lies outside of the run folder may be read, but must not be written."""
        return

    def notes(self) -> list[str]:
        """What the user should know about this search of this supernet, a line each; asked after ``setup``."""
        return []

    def before_weights(self, step: Step) -> None:
        """Called before the weights' forward pass of each step."""
        return

    def distillation(self, selections: Sequence[Selection]) -> Distillation | None:
        """What else the weights learn in a step; asked once a step, after the backward pass of its ``selections``."""
        return None

    def after_backward(self, step: Step) -> None:
        """Called when the gradients of the weights' loss are there, before the weights move."""
        return

    def after_epoch(self, step: Step) -> None:
        """Called after the last step of every epoch, which it is given; the supernet is in evaluation mode."""
        return

    def remarks(self, step: Step, epoch: MetricsRow) -> list[str]:
        """What the user should know now, a line each; asked at the end of every epoch, in every process, and changes nothing.

        Args:
            step: The last of the epoch.
            epoch: What the epoch has come to: losses, accuracies, rates.
        """
        return []

    @property
    def stopped(self) -> str:
        """Why the search ends before its last epoch, or nothing to go on; asked after every epoch."""
        return ""

    def finish(self, evaluate: Judge) -> None:
        """Called once after the last epoch, to choose with the help of ``evaluate``: see ``Judge``."""
        return

    def judged_genotypes(self) -> dict[Choice, float]:
        """Validation accuracies in [0, 1] of the genotypes that it judged, in their order; written to ``genotypes.csv``."""
        return {}

    def diagnostics(self) -> dict[str, float]:
        """Figures of this strategy's own, by name; asked after every epoch and written to ``diagnostics.csv``."""
        return {}

    def final_diagnostics(self) -> dict[str, float]:
        """The same about what was found; asked once, after ``finish``."""
        return {}

    def alpha_lr(self) -> float:
        """Current learning rate of the architecture parameters, for the log; 0 if there is none."""
        return 0.0
