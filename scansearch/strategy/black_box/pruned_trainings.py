"""Trainings of which the worse end early, for a model that learns from all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import Trial, TrialState

from scansearch.space import Choice
from scansearch.strategy.black_box.pruning import pruner_of
from scansearch.strategy.hooks import Report


class PrunedTrainings:
    """Trains networks for as long as Hyperband lets them (Li et al., arXiv 1603.06560; Optuna's pruner, eta 3).

    What is decided follows from the reports of the trainings before.

    Args:
        epochs: How long a network is trained if nothing ends it.
        reports: Accuracies in [0, 1] of the trainings so far, epoch by epoch, in their order.
    """

    def __init__(self, epochs: int, reports: Mapping[Choice, list[float]]) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        pruner, sampler = pruner_of("hyperband", epochs), RandomSampler()
        self._study = optuna.create_study(direction="maximize", study_name="pruning", pruner=pruner, sampler=sampler)
        self.epochs = epochs
        self.reports: dict[Choice, list[float]] = {}
        for choice, values in reports.items():
            trial = self._study.ask()
            for epoch, accuracy in enumerate(values, 1):
                self._stops(trial, epoch, accuracy)
            self._tell(choice, trial, values)

    def accuracy(self, choice: Choice, train: Callable[[Report], float]) -> float:
        """The accuracy of a network, in [0, 1]; of one whose training was ended, what it should have come to.

        Args:
            choice: Its genotype.
            train: Trains it until a report says that it is enough.
        """
        trial, values = self._study.ask(), []

        def report(epoch: int, accuracy: float) -> bool:
            values.append(accuracy)
            return self._stops(trial, epoch, accuracy)

        train(report)
        self._tell(choice, trial, values)
        return self._in_the_end(values)

    def is_whole(self, choice: Choice) -> bool:
        """Whether a genotype that was trained was trained to the end."""
        return len(self.reports[choice]) == self.epochs

    def _in_the_end(self, values: list[float]) -> float:
        """The last accuracy, and what those that went on have gained since, in the mean."""
        whole = [known for choice, known in self.reports.items() if self.is_whole(choice)]
        since = [known[-1] - known[len(values) - 1] for known in whole]
        return min(max(values[-1] + (fmean(since) if since else 0.0), 0.0), 1.0)

    def _stops(self, trial: Trial, epoch: int, accuracy: float) -> bool:
        trial.report(accuracy, epoch)
        return epoch < self.epochs and trial.should_prune()

    def _tell(self, choice: Choice, trial: Trial, values: list[float]) -> None:
        self.reports[choice] = values
        if self.is_whole(choice):
            self._study.tell(trial, values[-1])
        else:
            self._study.tell(trial, state=TrialState.PRUNED)
