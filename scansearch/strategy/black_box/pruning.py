"""Trainings that are not worth going on with, as Optuna's pruners see it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, WilcoxonPruner
from optuna.trial import FrozenTrial, TrialState, create_trial

ETA = 3
"""Of so many trainings one goes on to the next rung (Li et al., arXiv 1603.06560)."""


class Pruning:
    """Decides after every report whether a training goes on.

    What it decides follows from these reports, and from those of the trials that were finished before: made again after an
    interruption, it is the same.

    Args:
        pruner: Which of Optuna's pruners; Hyperband wants a report an epoch, Wilcoxon one a training (of several, each with a seed).
        reports: How many reports there are if nothing is pruned.
        finished: The finished trials, with their reports.
        number: Number of the trial that is judged.
    """

    def __init__(self, pruner: str, reports: int, finished: Sequence[FrozenTrial], number: int) -> None:
        self._study = optuna.create_study(direction="maximize", study_name="pruning", pruner=pruner_of(pruner, reports))
        self._last = reports
        numbered = {trial.number: _judged(trial) for trial in finished}
        numbered[number] = create_trial(state=TrialState.RUNNING)
        for place in range(max(numbered) + 1):  # Hyperband goes by numbers
            self._study.add_trial(numbered.get(place) or create_trial(state=TrialState.FAIL))
        self._trial = optuna.trial.Trial(self._study, self._now(number)._trial_id)

    def stop(self, step: int, accuracy: float) -> bool:
        """Whether to stop after this report; never after the last, with which all is done.

        Args:
            step: Number of the report, from 1.
            accuracy: The validation accuracy in [0, 1].
        """
        self._trial.report(accuracy, step)
        return step < self._last and self._trial.should_prune()

    @property
    def reports(self) -> Mapping[int, float]:
        """All reports, by step."""
        return self._now(self._trial.number).intermediate_values

    @property
    def notes(self) -> Mapping[str, float]:
        """What the pruner noted about the trial."""
        return self._now(self._trial.number).system_attrs

    def _now(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]


def _judged(trial: FrozenTrial) -> FrozenTrial:
    return create_trial(
        state=trial.state, values=trial.values, intermediate_values=trial.intermediate_values, system_attrs=trial.system_attrs
    )  # fmt: skip


def pruner_of(name: str, reports: int) -> BasePruner:
    """Optuna's pruner of this name, where there are so many reports if nothing is pruned."""
    if name == "hyperband":
        return HyperbandPruner(min_resource=1, max_resource=reports, reduction_factor=ETA)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return WilcoxonPruner() if name == "wilcoxon" else NopPruner()
