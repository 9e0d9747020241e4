"""Search by Optuna's samplers: TPE, NSGA-II for accuracy against cost, Gaussian processes, or random.

The supernet is trained by uniformly drawn genotypes and judges; or each network is trained from scratch. With a storage, several
processes or machines work on one study: give each the same storage, study name, seed and settings, and a run folder of its
own. Each trains the same supernet, and takes its share of the trials.

A proposal is a function of the number of its trial and of the trials that were finished before it. A worker alone so finds the
same genotype however often it is interrupted. Trials of a dead worker are taken up again: its own when it resumes; those of
others, on a database, once their heartbeat has been silent for two minutes.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator
from typing_extensions import override

from scansearch.errors import ScansearchError
from scansearch.runs.limits import MOST_JUDGED
from scansearch.space import BoundSpace, Choice, views
from scansearch.strategy import Plan, Traits
from scansearch.strategy.black_box import Ask, BlackBox, BlackBoxSettings
from scansearch.strategy.black_box.storage import storage_setting

if TYPE_CHECKING:
    import optuna
    import torch
    from optuna.trial import FrozenTrial

    from scansearch.models import Supernet
    from scansearch.strategy.black_box.study import Objective, SharedStudy

TRIES = 10


class OptunaSettings(BlackBoxSettings):
    """Settings of the search by Optuna."""

    sampler: Literal["tpe", "nsga2", "gp", "random"] = Field(
        "tpe", description="tpe, gp: accuracy; nsga2: accuracy against cost, of which the most accurate is kept."
    )
    trials: int = Field(200, ge=1, le=MOST_JUDGED, description="Trials of the study, by all processes together.")
    storage: str = Field(
        "",
        description="Where the study is kept: a journal file, or a database URL without a password, such as sqlite:///study.db; "
        "env:NAME or file:PATH to take it from there; empty: nowhere.",
    )
    study: str = Field("scansearch", min_length=1, description="Name of the study.")

    @field_validator("storage")
    @classmethod
    def _without_password(cls, value: str) -> str:
        return storage_setting(value)


class OptunaSearch(BlackBox):
    """Lets a sampler of Optuna propose genotypes."""

    description = "Optuna proposes genotypes: TPE, NSGA-II (accuracy against cost), Gaussian processes; many workers"
    when = "several machines share one search, or accuracy is weighed against cost"
    Settings = OptunaSettings
    settings: OptunaSettings
    rehearsal = False

    @property
    @override
    def traits(self) -> Traits:
        return super().traits._replace(judgements=self.settings.trials)

    @override
    def rehearse(self) -> None:
        """From here on the study is a copy in memory."""
        self.rehearsal = True

    @override
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        """Names this worker, and refuses a study of another search before anything is trained."""
        super().setup(supernet, space, plan)
        self.worker = secrets.token_hex(8) if self.settings.storage else "alone"  # a run alone leaves the same bytes
        self.finished = 0  # trials of all workers, when this one looked last
        if self.settings.storage:
            self._study().enrol()

    @override
    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        """Trial after trial until the study has enough.

        Raises:
            ScansearchError: If the storage fails.
        """
        study, proposals = self._study(), Proposals(self.space, self.settings.sampler, self.plan.seed)
        while True:
            trials = study.trials()
            done = study.finished(trials)
            self.finished = len(done)
            # Those of other workers too, and those that were told to the study after this one's last checkpoint.
            self.accuracies |= {study.choice(trial): trial.values[0] for trial in done}
            if len(done) >= self.settings.trials:
                break
            if (trial := study.own(trials)) is not None:
                self._judge(study, trial, ask)
            elif not study.take_over():
                elsewhere = {study.choice(trial) for trial in study.under_way(trials)}
                study.begin(*proposals.next(done, len(trials), elsewhere))
        study.leave(trials)
        self.accuracies = {study.choice(trial): trial.values[0] for trial in done}
        # The most accurate of all workers' trials; of equals the cheapest, then the first.
        return study.choice(min(done, key=lambda trial: (-trial.values[0], *trial.values[1:], trial.number)))

    def _judge(self, study: SharedStudy, trial: FrozenTrial, ask: Ask) -> None:
        choice = study.choice(trial)
        with study.alive(trial):
            accuracy = ask(choice)
        study.tell(trial, [accuracy, self.space.total_cost(choice)] if self.settings.sampler == "nsga2" else [accuracy])

    def _study(self) -> SharedStudy:
        from scansearch.strategy.black_box.study import SharedStudy

        settings = self.settings
        objectives, named = _objectives(settings.sampler), (settings.storage, settings.study)
        study = SharedStudy(*named, objectives, self.space, self.worker, copy=self.rehearsal)
        study.settle(
            {
                **self.plan.subject,
                "space": self.space.fingerprint(),
                "seed": self.plan.seed,
                "number of steps": self.plan.steps,
                **settings.model_dump(include={"sampler", "judge", "judge_epochs"}),
            }
        )
        return study

    @override
    def state_dict(self) -> dict[str, Any]:
        """Also who this worker is, and what it has seen of the study."""
        return {**super().state_dict(), "worker": self.worker, "finished": self.finished}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes it back, and refuses a study that has lost what this worker saw."""
        super().load_state_dict(state)
        self.worker, self.finished = state["worker"], state["finished"]
        if self.settings.storage:
            self._study().check_enrolled(self.finished)


class Proposals:
    """Proposes genotypes by a sampler of Optuna, away from the storage: only whole proposals come into that.

    Args:
        space: What they are of.
        sampler: Name of the sampler.
        seed: Seed of the run.
    """

    def __init__(self, space: BoundSpace, sampler: str, seed: int) -> None:
        import optuna

        self.space, self.sampler, self.seed = space, sampler, seed
        self.distributions = views.optuna_distributions(space)
        self.study = optuna.create_study(directions=_objectives(sampler), sampler=self._sampler(0, 0))
        self.learned: set[int] = set()

    def next(self, done: list[FrozenTrial], number: int, elsewhere: set[Choice]) -> tuple[FrozenTrial, Choice, int]:
        """The proposal for a trial.

        Args:
            done: The finished trials of the study.
            number: Number of the trial that it is for.
            elsewhere: Genotypes that other workers judge now; one of these is drawn again, at most 10 times.

        Returns:
            Its parameters with what the sampler noted, its genotype, and the number.
        """
        for trial in done:
            if trial.number not in self.learned:
                self.learned.add(trial.number)
                self._learn(trial)
        for attempt in range(TRIES):
            proposal = self._proposal(number, attempt)
            if (choice := views.from_parameters(self.space, proposal.params)) not in elsewhere:
                break
        return proposal, choice, number

    def _learn(self, trial: FrozenTrial) -> None:
        try:
            self.study.add_trial(trial)
        except (
            ValueError
        ) as error:  # it contradicts itself: a time, a value or a parameter is missing or of another kind
            raise ScansearchError(
                f"trial {trial.number} of the study is damaged: {error}; restore the study, or start the run anew"
            ) from error

    def _proposal(self, number: int, attempt: int) -> FrozenTrial:
        from optuna.trial import TrialState

        self.study.sampler = self._sampler(number, attempt)
        trial = self.study.ask(self.distributions)
        self.study.tell(trial, state=TrialState.FAIL)  # samplers pass over it
        return self.study.get_trials(deepcopy=False)[trial.number]

    def _sampler(self, number: int, attempt: int) -> optuna.samplers.BaseSampler:
        import optuna

        kinds: dict[str, Any] = {
            "tpe": optuna.samplers.TPESampler,
            "nsga2": _nsga2,
            "gp": optuna.samplers.GPSampler,
            "random": optuna.samplers.RandomSampler,
        }
        return kinds[self.sampler](seed=(self.seed * 1_000_003 + attempt * 100_003 + number) % 2**32)


def _nsga2(seed: int) -> optuna.samplers.BaseSampler:
    from optuna.samplers import NSGAIISampler

    class InOrder(NSGAIISampler):
        """Optuna's own orders parents by rank once, by number from then on, and draws by their place: a resume would differ."""

        @override
        def select_parent(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
            return sorted(super().select_parent(study, generation), key=lambda trial: trial.number)

    return InOrder(seed=seed)


def _objectives(sampler: str) -> list[Objective]:
    return ["maximize", "minimize"] if sampler == "nsga2" else ["maximize"]
