"""A study that several processes share: each trial is added whole, belongs to one worker, and is finished once.

A trial comes into the storage in one operation: its parameters, its worker, and the number for which it was proposed. A kill
therefore leaves the trial, which its worker continues when it resumes, or nothing, and then the same one is proposed again. If
another worker's trial got the number first, the proposal is dropped and made anew.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState

from scansearch.errors import ScansearchError
from scansearch.masking import passwords, without
from scansearch.space import BoundSpace, Choice, views
from scansearch.strategy.black_box.opening import HEARTBEAT, opened
from scansearch.strategy.black_box.proposals import Objective, Proposal, refused
from scansearch.strategy.black_box.pruning import Pruning
from scansearch.strategy.black_box.storage import resolved
from scansearch.strategy.black_box.storage_copy import copied

RETRIES = 3
SETUP, WORKER, NUMBER, DIRECTIONS = "setup", "worker", "number", "directions"


class SharedStudy:
    """One worker's view of a study.

    Args:
        storage: Where it is kept, as the settings name it; empty: in this process only.
        name: Name of the study; it is made if it is not there.
        objectives: For each value of a trial ``maximize`` or ``minimize``.
        space: What its genotypes are of.
        worker: Who this is, over all interruptions.
        copy: Look at what is there, and keep all else in this process.

    Raises:
        ScansearchError: If the storage cannot be opened, or what it holds is not of this search.
    """

    def __init__(
        self,
        storage: str,
        name: str,
        objectives: list[Objective],
        space: BoundSpace,
        worker: str,
        *,
        copy: bool = False,
    ) -> None:
        self.named, self.name, self.objectives, self.space, self.worker = storage, name, objectives, space, worker
        self.url = resolved(storage)
        self.distributions = views.optuna_distributions(space)
        self._known: dict[int, Choice | None] = {}
        self._stale: list[FrozenTrial] = []
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with self._reaching("the study cannot be kept in {storage!r}: {reason}"):
            stale = self._stale.append
            self.storage = copied(self.url, name) if copy else opened(self.url, lambda _, trial: stale(trial))
            self.study = optuna.create_study(
                storage=self.storage, study_name=name, load_if_exists=True, directions=objectives
            )
            found = [direction.name.lower() for direction in self.study.directions]
        if found != objectives:
            raise self._foreign(f"it has the objectives {found}, but this search has {objectives}")
        self.trials()

    def settle(self, setup: Mapping[str, Any]) -> None:
        """Makes it a study of this search, or refuses one of another.

        Args:
            setup: All that must be equal for accuracies to be comparable, by name.
        """
        with self._reaching():
            if SETUP not in self.study.user_attrs and not self.trials():
                self.study.set_user_attr(SETUP, dict(setup))
            there = self.study.user_attrs.get(SETUP)
        if not isinstance(there, dict):
            raise self._foreign("it does not say what it searches")
        if wrong := [key for key in {**setup, **there} if there.get(key) != setup.get(key)]:
            raise ScansearchError(
                f"workers of one study search the same, but study {self.name!r} in {self.named} belongs to a search with another "
                f"{', '.join(wrong)}; make them equal, or begin a run with another --set study="
            )

    def enrol(self) -> None:
        """Notes that this worker takes part, so that ``check_enrolled`` knows the study again."""
        with self._reaching():
            self.study.set_user_attr(f"{WORKER} {self.worker}", True)

    def check_enrolled(self, finished: int) -> None:
        """Refuses a study that is not the one that this worker left.

        Args:
            finished: How many trials were finished then.
        """
        with self._reaching():
            enrolled = f"{WORKER} {self.worker}" in self.study.user_attrs
            there = len(self.finished(self.trials()))
        if not enrolled or there < finished:
            lost = (
                f"has {there} finished trials of at least {finished}" if enrolled else "does not know this run any more"
            )
            raise ScansearchError(
                f"study {self.name!r} in {self.named} {lost}: it was deleted, emptied or cut since the run was saved; restore it, or "
                "start the run anew"
            )

    def trials(self) -> list[FrozenTrial]:
        """All trials, by number.

        Raises:
            ScansearchError: If one is not of this search.
        """
        with self._reaching():
            trials = sorted(self.study.get_trials(deepcopy=False), key=lambda trial: trial.number)
        for trial in trials:
            if trial.number not in self._known:
                self._known[trial.number] = self._checked(trial)
            values = trial.values if trial.state == TrialState.COMPLETE else [0.0] * len(self.objectives)
            if not isinstance(values, (list, tuple)) or not all(isinstance(value, (int, float)) for value in values):
                raise self._foreign(f"its trial {trial.number} has values that are no numbers")
            if len(values) != len(self.objectives):
                raise self._foreign(f"its trial {trial.number} has {len(values)} values")
        return trials

    def _checked(self, trial: FrozenTrial) -> Choice | None:
        attributes = trial.user_attrs if isinstance(trial.user_attrs, dict) else {}
        missing = [key for key in (DIRECTIONS, WORKER, NUMBER) if key not in attributes]
        if missing:
            raise self._foreign(f"its trial {trial.number} does not say its {missing[0]}")
        if trial.distributions != self.distributions:
            raise self._foreign(f"its trial {trial.number} has other parameters")
        if refused(trial):
            return None
        try:
            return self.space.choice(trial.user_attrs[DIRECTIONS])
        except (ScansearchError, TypeError) as error:
            raise self._foreign(f"its trial {trial.number} is no genotype of this space") from error

    def _foreign(self, why: str) -> ScansearchError:
        return ScansearchError(
            f"study {self.name!r} in {self.named} is not of this search: {why}; begin a run with another --set study= or storage"
        )

    def choice(self, trial: FrozenTrial) -> Choice:
        """The genotype of a trial that is, or was, to be judged."""
        choice = self._known[trial.number]
        assert choice is not None
        return choice

    def finished(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Those that were judged, to the end or until they were pruned."""
        judged = (TrialState.COMPLETE, TrialState.PRUNED)
        return [trial for trial in trials if trial.state in judged and not refused(trial)]

    def known(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """What proposals learn from: those that were judged, and proposals that were refused for their cost."""
        refusals = [trial for trial in trials if refused(trial) and self._counts(trial)]
        return sorted([*self.finished(trials), *refusals], key=lambda trial: trial.number)

    def under_way(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Those that some worker judges now, or has left."""
        return [trial for trial in trials if trial.state == TrialState.RUNNING]

    def own(self, trials: list[FrozenTrial]) -> FrozenTrial | None:
        """The trial that this worker has begun and not finished; one that came second is given up."""
        for trial in self._mine(trials):
            if self._counts(trial):
                return trial
            self._give_up(trial)
        return None

    def leave(self, trials: list[FrozenTrial]) -> None:
        """Gives up what this worker has begun: the others have finished the study."""
        for trial in self._mine(trials):
            self._give_up(trial)

    def _mine(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        return [trial for trial in self.under_way(trials) if trial.user_attrs[WORKER] == self.worker]

    def _give_up(self, trial: FrozenTrial) -> None:
        with self._reaching(), suppress(UpdateFinishedTrialError):
            self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)

    def _counts(self, trial: FrozenTrial) -> bool:
        """Whether it got the number that it was proposed for; one that was taken over keeps its proposal."""
        return trial.user_attrs[NUMBER] in (None, trial.number)

    def begin(self, proposal: Proposal) -> None:
        """Adds a trial of this worker, in one operation; one that is refused for its cost ends with that."""
        state = TrialState.PRUNED if proposal.choice is None else TrialState.RUNNING
        names = [] if proposal.choice is None else self.space.directions(proposal.choice)
        attributes = {WORKER: self.worker, NUMBER: proposal.number, DIRECTIONS: names}
        with self._reaching():
            self._add(proposal.trial, attributes, proposal.trial.system_attrs, state)
            there = [trial.user_attrs for trial in self.trials()[proposal.number :]]
        if attributes not in there:
            raise self._lost()

    def _add(
        self, like: FrozenTrial, user: dict[str, Any], system: dict[str, Any], state: TrialState = TrialState.RUNNING
    ) -> None:
        self.study.add_trial(
            optuna.trial.create_trial(
                state=state, params=like.params, distributions=like.distributions, user_attrs=user, system_attrs=system
            )
        )  # fmt: skip

    def tell(self, trial: FrozenTrial, values: list[float] | None, pruning: Pruning | None = None) -> None:
        """Finishes a trial; if it was given to another worker meanwhile, that one will.

        Args:
            trial: The trial.
            values: One for each objective; ``None`` if it was pruned.
            pruning: What was reported while it was judged, if it was.
        """
        state = TrialState.PRUNED if values is None else None
        with self._reaching(), suppress(UpdateFinishedTrialError):
            for step, accuracy in (pruning.reports if pruning else {}).items():
                self.storage.set_trial_intermediate_value(trial._trial_id, step, accuracy)
            for key, note in (pruning.notes if pruning else {}).items():
                self.storage.set_trial_system_attr(trial._trial_id, key, note)
            finished = self.study.tell(trial.number, values, state=state, skip_if_finished=True)
            if not finished.state.is_finished():
                raise self._lost()

    def _lost(self) -> ScansearchError:
        return ScansearchError(
            f"study {self.name!r} in {self.named} does not hold what was written to it just now: it was deleted or replaced; restore "
            "it, then resume the run"
        )

    def take_over(self) -> bool:
        """Makes trials of workers whose heartbeat is silent this worker's own; says whether there were any."""
        if not isinstance(self.storage, RDBStorage):
            return False
        self._stale.clear()
        with self._reaching(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.study)  # of several workers one is told about a trial
            for trial in self._stale:
                self._take(trial, self.storage)
        return bool(self._stale)

    def _take(self, trial: FrozenTrial, storage: RDBStorage) -> None:
        history = [*RetryHeartbeatStaleTrialCallback.retry_history(trial), trial.number]
        if len(history) > RETRIES or not self._counts(trial):
            return
        attributes = {**trial.user_attrs, WORKER: self.worker, NUMBER: None}
        self._add(trial, attributes, {**trial.system_attrs, "failed_trial": history[0], "retry_history": history})
        for mine in self.study.get_trials(deepcopy=False):
            if mine.user_attrs == attributes and mine.state == TrialState.RUNNING:
                storage.record_heartbeat(mine._trial_id)  # or nobody would miss this worker

    @contextmanager
    def alive(self, trial: FrozenTrial) -> Iterator[None]:
        """Tells the other workers, as long as it lasts, that this one is at work on the trial; a database can, a file cannot."""
        if not isinstance(self.storage, RDBStorage):
            yield
            return
        with self._reaching():
            self.storage.record_heartbeat(trial._trial_id)
        done = threading.Event()
        beating = threading.Thread(target=_beat, args=(self.storage, trial._trial_id, done), daemon=True)
        beating.start()
        try:
            yield
        finally:
            done.set()
            beating.join()

    @contextmanager
    def _reaching(
        self,
        message: str = "the study in {storage!r} cannot be reached any more: {reason}; once it is back, resume the run",
    ) -> Iterator[None]:
        try:
            yield
        except (ScansearchError, UpdateFinishedTrialError):
            raise
        except Exception as error:  # every storage has errors of its own
            cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
            line = (str(cause).splitlines() or [""])[0] or type(cause).__name__
            failure = ScansearchError(message.format(storage=self.named, reason=without(line, self.url)[:200]))
            raise failure from (None if passwords(self.url) else error)  # a traceback would show what the driver says


def _beat(storage: RDBStorage, trial: int, done: threading.Event) -> None:
    while not done.wait(HEARTBEAT):
        # The next one may pass; if the database stays away, telling the result says so.
        with suppress(Exception):
            storage.record_heartbeat(trial)
