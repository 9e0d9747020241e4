"""Search by Optuna's samplers: TPE, NSGA-II for accuracy against cost, Gaussian processes, or random.

The supernet is trained by drawn genotypes and judges; or each network is trained from scratch, and a pruner may end its training. With a
storage, several processes or machines work on one study: give each the same storage, study name, seed and settings, and a run folder of its
own. Each trains the same supernet, and takes its share of the trials.

A proposal is a function of the number of its trial and of the trials that were finished before it. A worker alone so finds the
same genotype however often it is interrupted. Trials of a dead worker are taken up again: its own when it resumes; those of
others, on a database, once their heartbeat has been silent for two minutes.
"""

from __future__ import annotations

import secrets
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator
from typing_extensions import override

from scansearch.lazy import torch
from scansearch.runs.limits import MOST_JUDGED
from scansearch.space import BoundSpace, Choice
from scansearch.strategy import Judge, Plan
from scansearch.strategy.black_box import Ask, BlackBox, BlackBoxSettings
from scansearch.strategy.black_box.storage import storage_setting

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from scansearch.models import Supernet
    from scansearch.strategy.black_box.pruning import Pruning
    from scansearch.strategy.black_box.study import SharedStudy

MOST_TRAININGS = 100
FEWEST_FOR_WILCOXON = 5
"""Trainings of a network: after four, each worse than the best network's, the test says so at its level of 0.1."""


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
    beyond: Literal["nearest", "constraint"] = Field(
        "nearest",
        description="What becomes of a proposal of tpe or gp beyond the budget: nearest, the nearest genotype within it is judged; "
        "constraint, nothing is, and the sampler learns by how much it was too dear.",
    )
    pruner: Literal["none", "hyperband", "wilcoxon"] = Field(
        "none",
        description="Ends trainings of judge=training early: hyperband, after 1, 3, 9 ... epochs; wilcoxon, of several trainings.",
    )
    trainings: int = Field(
        1,
        ge=1,
        le=MOST_TRAININGS,
        description="Times that judge=training trains each network, each with a seed of its own; their mean counts.",
    )

    @field_validator("storage")
    @classmethod
    def _without_password(cls, value: str) -> str:
        return storage_setting(value)

    @model_validator(mode="after")
    def _prunes_what_it_can(self) -> OptunaSettings:
        if self.judge == "supernet" and (self.pruner != "none" or self.trainings > 1):
            raise ValueError("pruner and trainings are for judge=training, but a supernet judges; set judge=training")
        if self.pruner != "none" and self.sampler == "nsga2":
            raise ValueError(
                f"pruner={self.pruner} looks at accuracy alone, but sampler=nsga2 at cost, too; set pruner=none"
            )
        if self.pruner == "hyperband" and self.trainings > 1:
            raise ValueError(
                f"hyperband looks at one training, but got trainings={self.trainings}; set pruner=wilcoxon"
            )
        if self.pruner == "wilcoxon" and self.trainings < FEWEST_FOR_WILCOXON:
            raise ValueError(
                f"wilcoxon compares at least {FEWEST_FOR_WILCOXON} trainings of a network, but got trainings={self.trainings}"
            )
        return self

    @property
    def reports(self) -> int:
        """How often an accuracy is reported while a network is judged: after every epoch, or after every training."""
        return self.judge_epochs if self.pruner == "hyperband" else self.trainings


class OptunaSearch(BlackBox):
    """Lets a sampler of Optuna propose genotypes."""

    description = "Optuna proposes genotypes: TPE, NSGA-II (accuracy against cost), Gaussian processes; many workers"
    when = "several machines share one search, or accuracy is weighed against cost"
    Settings = OptunaSettings
    settings: OptunaSettings
    rehearsal = False

    @property
    @override
    def judgements(self) -> int:
        return self.settings.trials * self.settings.trainings

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
        self.reports: dict[Choice, list[float]] = {}  # accuracies, epoch by epoch or training by training
        if self.settings.storage:
            self._study().enrol()

    @override
    def finish(self, evaluate: Judge) -> None:
        """Keeps the judge, for networks of which more than one accuracy is reported."""
        self.evaluate = evaluate
        super().finish(evaluate)

    @override
    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        """Trial after trial until the study has enough.

        Raises:
            ScansearchError: If the storage fails.
        """
        from scansearch.strategy.black_box.proposals import Proposals

        settings = self.settings
        constrained = settings.beyond == "constraint" and settings.sampler in ("tpe", "gp")
        study = self._study()
        proposals = Proposals(self.space, settings.sampler, self.plan.seed, settings.trials, constrained=constrained)
        while True:
            trials = study.trials()
            done = study.finished(trials)
            self.finished = len(done)
            # Those of other workers too, and those that were told to the study after this one's last checkpoint.
            self.accuracies |= _accuracies(study, done)
            if len(done) >= settings.trials:
                break
            if (trial := study.own(trials)) is not None:
                self._judge(study, trial, done, ask)
            elif not study.take_over():
                elsewhere = {study.choice(trial) for trial in study.under_way(trials)}
                study.begin(proposals.next(study.known(trials), len(trials), elsewhere))
        study.leave(trials)
        self.accuracies = _accuracies(study, done)
        ask.accuracies = dict(self.accuracies)
        # The most accurate of all workers' trials; of equals the cheapest, then the first.
        return min(self.accuracies, key=lambda choice: (-self.accuracies[choice], self.space.total_cost(choice)))

    def _judge(self, study: SharedStudy, trial: FrozenTrial, done: list[FrozenTrial], ask: Ask) -> None:
        from scansearch.strategy.black_box.pruning import Pruning

        choice, settings = study.choice(trial), self.settings
        if settings.pruner == "none" and settings.trainings == 1:
            with study.alive(trial):
                accuracy = ask(choice)
            study.tell(trial, [accuracy, self.space.total_cost(choice)] if settings.sampler == "nsga2" else [accuracy])
            return
        reports = self.reports.setdefault(choice, [])
        for other in done:  # another worker's, or one that was proposed twice
            if study.choice(other) == choice and len(other.intermediate_values) > len(reports):
                reports[:] = other.intermediate_values.values()
        pruning = Pruning(settings.pruner, settings.reports, done, trial.number)
        with study.alive(trial):
            goes_on = not any(pruning.stop(step, value) for step, value in enumerate([*reports], 1))
            if goes_on and len(reports) < settings.reports:
                goes_on = self._report(choice, reports, pruning)
        accuracy = fmean(reports) if settings.trainings > 1 else reports[-1]
        values = [accuracy, self.space.total_cost(choice)] if settings.sampler == "nsga2" else [accuracy]
        study.tell(trial, values if goes_on else None, pruning)

    def _report(self, choice: Choice, reports: list[float], pruning: Pruning) -> bool:
        """Adds the reports of a genotype that are missing; says whether they went on to the last."""
        epochs = self.settings.judge_epochs
        if self.settings.pruner != "hyperband":
            for seed in range(len(reports), self.settings.trainings):
                reports.append(self.evaluate.from_scratch(choice, epochs, seed=seed))
                if pruning.stop(seed + 1, reports[seed]):
                    return False
            return True

        def report(epoch: int, accuracy: float) -> bool:
            if epoch <= len(reports):  # heard before it was proposed again
                return False
            reports.append(accuracy)
            return pruning.stop(epoch, accuracy)

        self.evaluate.from_scratch(choice, epochs, report=report)
        return len(reports) == epochs

    def _study(self) -> SharedStudy:
        from scansearch.strategy.black_box.proposals import objectives
        from scansearch.strategy.black_box.study import SharedStudy

        settings = self.settings
        named, wanted = (settings.storage, settings.study), objectives(settings.sampler)
        study = SharedStudy(*named, wanted, self.space, self.worker, copy=self.rehearsal)
        study.settle(
            {
                **self.plan.subject,
                "space": self.space.fingerprint(),
                "seed": self.plan.seed,
                "number of steps": self.plan.steps,
                **settings.model_dump(
                    include={"sampler", "judge", "judge_epochs", "beyond", "pruner", "trainings", "sandwich"}
                ),
            }
        )
        return study

    @override
    def state_dict(self) -> dict[str, Any]:
        """Also who this worker is, what it has seen of the study, and what was reported."""
        reports = self.memory.state_of_reports(self.reports)
        return {**super().state_dict(), "worker": self.worker, "finished": self.finished, "reports": reports}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes it back, and refuses a study that has lost what this worker saw."""
        super().load_state_dict(state)
        self.reports = self.memory.restored_reports(state["reports"], self.settings.reports)
        self.worker, self.finished = state["worker"], state["finished"]
        if self.settings.storage:
            self._study().check_enrolled(self.finished)


def _accuracies(study: SharedStudy, done: list[FrozenTrial]) -> dict[Choice, float]:
    """Those of the genotypes that were judged to the end, in the order of their trials."""
    return {study.choice(trial): trial.values[0] for trial in done if trial.state.name == "COMPLETE"}
