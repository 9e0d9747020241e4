"""Search by Optuna's samplers: TPE, NSGA-II for accuracy against cost, Gaussian processes, or random.

The supernet is trained by uniformly drawn genotypes and judges; or each network is trained alone. With a storage, several
processes or machines work on one study: give each the same storage, study name, seed and settings, and a run folder of its
own. Each trains the same supernet, and takes its share of the trials.

A trial is a function of the trials before it: every one has a sampler with a seed of its own. A
worker alone so finds the same genotype however often it is interrupted. Trials of a dead worker are taken up again: its own
when it resumes; those of others, on a database, once their heartbeat has been silent for two minutes.
"""

from __future__ import annotations

import secrets
import time
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field, field_validator

from scansearch.engine.black_box import Ask, BlackBox, BlackBoxSettings
from scansearch.engine.limits import MOST_JUDGED
from scansearch.engine.strategy import Plan
from scansearch.errors import ScansearchError
from scansearch.models import Supernet
from scansearch.space import BoundSpace, Choice, views

if TYPE_CHECKING:
    import optuna

HEARTBEAT, GRACE = 60, 120  # seconds
RETRIES = 3
ATTEMPTS = 5
SQLITE = "sqlite:///"
WORKER, SETUP, AGAIN = "worker", "setup", "again"


class OptunaSettings(BlackBoxSettings):
    """Settings of the search by Optuna."""

    sampler: Literal["tpe", "nsga2", "gp", "random"] = Field(
        "tpe", description="tpe, gp: accuracy; nsga2: accuracy against cost, of which the most accurate is kept."
    )
    trials: int = Field(200, ge=1, le=MOST_JUDGED, description="Trials of the study, by all processes together.")
    storage: str = Field(
        "",
        description="Where the study is kept: a database URL such as sqlite:///study.db, or a journal file; empty: nowhere.",
    )
    study: str = Field("scansearch", min_length=1, description="Name of the study.")

    @field_validator("storage")
    @classmethod
    def _found_from_everywhere(cls, value: str) -> str:
        """A file is named by its absolute path, so that a resume from another folder finds it."""
        if value and "://" not in value:
            return str(Path(value).absolute())
        path = value.removeprefix(SQLITE)
        return (
            SQLITE + str(Path(path).absolute()) if value.startswith(SQLITE) and path not in ("", ":memory:") else value
        )


class OptunaSearch(BlackBox):
    """Lets a sampler of Optuna propose genotypes."""

    description = "Optuna proposes genotypes: TPE, NSGA-II (accuracy against cost), Gaussian processes; many workers"
    when = "several machines share one search, or accuracy is weighed against cost"
    Settings = OptunaSettings
    settings: OptunaSettings

    @property
    def judgements(self) -> int:
        """At most all trials."""
        return self.settings.trials

    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        """Names this worker, and refuses a study of another search before anything is trained."""
        super().setup(supernet, space, plan)
        self.worker = secrets.token_hex(8)
        if self.settings.storage:
            self._study()

    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        """Trial after trial until the study has enough.

        Raises:
            ScansearchError: If the storage fails.
        """
        try:
            return self._search(ask)
        except Exception as error:
            if (failure := _storage_failure(error)) is None:
                raise
            raise ScansearchError(
                f"the study in {self.settings.storage!r} cannot be reached any more: {_short(failure)}; once it is back, resume "
                "the run"
            ) from error

    def _search(self, ask: Ask) -> Choice:
        study = self._study()
        self._take_up_own(study)
        while len(self._finished(study)) < self.settings.trials:
            study.sampler = self._sampler(study)
            study.optimize(partial(self._objective, ask), n_trials=1)
        done = sorted(self._finished(study), key=lambda trial: trial.number)
        # Those of other workers too, and those that were told to the study after this one's last checkpoint.
        self.accuracies = {self._choice(trial): trial.values[0] for trial in done}
        # The most accurate of all workers' trials; of equals the cheapest, then the first.
        return self._choice(min(done, key=lambda trial: (-trial.values[0], *trial.values[1:], trial.number)))

    def _choice(self, trial: optuna.trial.FrozenTrial) -> Choice:
        return self.space.choice(trial.user_attrs["directions"])

    def _objective(self, ask: Ask, trial: optuna.Trial) -> float | tuple[float, float]:
        trial.set_user_attr(WORKER, self.worker)
        choice = views.from_parameters(self.space, views.suggested(self.space, trial))
        accuracy = ask(choice)
        trial.set_user_attr("directions", self.space.directions(choice))
        return (accuracy, self.space.total_cost(choice)) if self._two else accuracy

    @property
    def _two(self) -> bool:
        return self.settings.sampler == "nsga2"

    def _study(self) -> optuna.Study:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        for attempt in range(ATTEMPTS):
            try:
                study = optuna.create_study(
                    storage=self._storage(), study_name=self.settings.study, load_if_exists=True,
                    directions=["maximize", "minimize"] if self._two else ["maximize"],
                )  # fmt: skip
                break
            except Exception as error:  # every storage has errors of its own
                if (
                    "already exists" in str(error) and attempt + 1 < ATTEMPTS
                ):  # another worker makes its tables just now
                    time.sleep(attempt + 1)
                    continue
                raise ScansearchError(
                    f"the study cannot be kept in {self.settings.storage!r}: {_short(error)}"
                ) from error
        setup = {
            **self.plan.subject,
            "space": self.space.fingerprint(),
            "seed": self.plan.seed,
            "number of steps": self.plan.steps,
            **self.settings.model_dump(include={"sampler", "judge", "judge_epochs"}),
        }
        there = study.user_attrs.get(SETUP)
        if there is None:
            study.set_user_attr(SETUP, setup)
        elif there != setup:
            wrong = [key for key in {**setup, **there} if there.get(key) != setup.get(key)]
            raise ScansearchError(
                f"workers of one study search the same, but study {self.settings.study!r} in {self.settings.storage} belongs to a "
                f"search with another {', '.join(wrong)}; make them equal, or choose another --set study="
            )
        return study

    def _storage(self) -> optuna.storages.BaseStorage | None:
        import optuna
        from optuna.storages.journal import JournalFileBackend

        where = self.settings.storage
        if not where:
            return None
        if "://" in where:
            with warnings.catch_warnings():  # heartbeats are marked as experimental
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                again = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)
                return optuna.storages.RDBStorage(
                    where, heartbeat_interval=HEARTBEAT, grace_period=GRACE, heartbeat_stale_trial_callback=again
                )
        return optuna.storages.JournalStorage(JournalFileBackend(str(Path(where))))

    def _sampler(self, study: optuna.Study) -> optuna.samplers.BaseSampler:
        import optuna

        states = optuna.trial.TrialState
        number = len(study.get_trials(deepcopy=False, states=(states.COMPLETE, states.RUNNING)))
        seed = (self.plan.seed * 1_000_003 + number) % 2**32
        kinds: dict[str, Any] = {
            "tpe": optuna.samplers.TPESampler,
            "nsga2": optuna.samplers.NSGAIISampler,
            "gp": optuna.samplers.GPSampler,
            "random": optuna.samplers.RandomSampler,
        }
        return kinds[self.settings.sampler](seed=seed)

    def _take_up_own(self, study: optuna.Study) -> None:
        """Trials that this worker had begun when it was stopped or killed: their genotypes are judged next."""
        import optuna

        states, trials = optuna.trial.TrialState, study.get_trials(deepcopy=False)
        taken_up = {trial.user_attrs.get(AGAIN) for trial in trials}
        for trial in trials:
            own = trial.user_attrs.get(WORKER) == self.worker
            if own and trial.state in (states.RUNNING, states.FAIL) and trial.number not in taken_up:
                study.enqueue_trial(trial.params, user_attrs={AGAIN: trial.number})
                if trial.state == states.RUNNING:
                    study.tell(trial.number, state=states.FAIL)

    def _finished(self, study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
        import optuna

        return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))

    def state_dict(self) -> dict[str, Any]:
        """Also who this worker is."""
        return {**super().state_dict(), WORKER: self.worker}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes it back."""
        super().load_state_dict(state)
        self.worker = state[WORKER]


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _storage_failure(error: BaseException | None) -> Exception | None:
    """The storage's own error behind another: Optuna fails an assertion of its own when it cannot store a result."""
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    while error is not None and not isinstance(error, (OptunaError, SQLAlchemyError)):
        error = error.__cause__ or error.__context__
    return error
