"""Genotypes that Optuna's samplers propose, away from the storage of a study: only whole proposals come into that."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from statistics import fmean
from typing import Any, Literal, NamedTuple

import optuna
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import BaseTrial, FrozenTrial, TrialState, create_trial

from scansearch.errors import ScansearchError
from scansearch.lazy import torch
from scansearch.space import BoundSpace, Choice, EvenDraws, usual_draws, views
from scansearch.strategy.black_box.near import near
from scansearch.strategy.black_box.nsga2 import Nsga2, population

Objective = Literal["maximize", "minimize"]
REFUSALS = 5
"""Proposals in a row that may be refused; of the next one, the nearest genotype within the budget is judged."""
STARTUP = 10
"""Trials before TPE and Gaussian processes propose: Optuna's default."""
MOST_SEEDS = 1 << 32
GIVEN = "fixed_params"  # where Optuna notes parameters that are given


def objectives(sampler: str) -> list[Objective]:
    """What the values of a trial are for: accuracy, and for NSGA-II cost."""
    return ["maximize", "minimize"] if sampler == "nsga2" else ["maximize"]


class Proposal(NamedTuple):
    """What a trial is to judge.

    Args:
        trial: Its parameters, with what the sampler noted.
        choice: Its genotype; ``None`` if it exceeds the budget, so that nothing is judged.
        number: The number of the trial that it is for.
    """

    trial: FrozenTrial
    choice: Choice | None
    number: int


class Proposals:
    """Proposes genotypes: each is a function of the number of its trial, and of the trials that were finished before.

    The first ones are drawn, evenly over costs under a budget; for NSGA-II a generation, from the cheapest to the dearest and again. Where
    a sampler proposes what was judged, or is being judged, a genotype near it is taken instead: a judge would say the same again, and TPE,
    which holds on to its best, would spend most of its trials on that in a small space.

    Args:
        space: What they are of.
        sampler: Name of the sampler.
        seed: Seed of the run.
        trials: Trials of the study.
        constrained: What becomes of a proposal beyond the budget: it is refused, and by how much it exceeds it is a constraint that
            the sampler learns; otherwise the nearest genotype within the budget is judged.
    """

    def __init__(
        self, space: BoundSpace, sampler: str, seed: int, trials: int, *, constrained: bool = False
    ) -> None:  # fmt: skip
        self.space, self.sampler, self.seed, self.trials = space, sampler, seed, trials
        self.constrained = constrained and space.budget is not None
        self.distributions = views.optuna_distributions(space)
        self.study = optuna.create_study(directions=objectives(sampler), sampler=RandomSampler())
        self.learned: dict[int, FrozenTrial] = {}
        self.judged: set[Choice] = set()
        self.draw, self.even = usual_draws(space), EvenDraws(space)

    def next(self, known: list[FrozenTrial], number: int, elsewhere: set[Choice]) -> Proposal:
        """The proposal for a trial.

        Args:
            known: The finished trials of the study, and those that were refused, by number.
            number: Number of the trial that it is for.
            elsewhere: Genotypes that other workers judge now.
        """
        for trial in known:
            if trial.number not in self.learned:
                self._learn(trial)
        seed = (self.seed * 1_000_003 + number) % MOST_SEEDS
        random = torch.Generator().manual_seed(seed)
        self.study.sampler = self._sampler(seed)
        asked = self._ask(views.to_parameters(self.space, self._drawn(random, number), random) if self._first else None)
        choice, taken = views.from_parameters(self.space, asked.params), self.judged | elsewhere
        beyond = self.constrained and self._excess(asked) > 0
        if beyond and not self._patience_is_over:
            return Proposal(asked, None, number)
        if beyond or choice in taken:
            choice = near(self.space, choice, taken, random)
            asked = self._ask(views.to_parameters(self.space, choice, random))
        return Proposal(asked, choice, number)

    def _learn(self, trial: FrozenTrial) -> None:
        self.learned[trial.number] = trial
        try:
            self.study.add_trial(self._neutral(trial) if self.sampler == "gp" and refused(trial) else trial)
        except (
            ValueError
        ) as error:  # it contradicts itself: a time, a value or a parameter is missing or of another kind
            raise ScansearchError(
                f"trial {trial.number} of the study is damaged: {error}; restore the study, or start the run anew"
            ) from error
        if not refused(trial):
            self.judged.add(views.from_parameters(self.space, trial.params))

    def _neutral(self, trial: FrozenTrial) -> FrozenTrial:
        """A refused trial for Gaussian processes, which learn from values alone: with the mean of what was judged before."""
        values = [old.values[0] for old in self._complete() if old.number < trial.number]
        return create_trial(
            value=fmean(values), params=trial.params, distributions=trial.distributions, system_attrs=trial.system_attrs
        )

    def _complete(self) -> list[FrozenTrial]:
        return [trial for trial in self.learned.values() if trial.state == TrialState.COMPLETE]

    def _ask(self, given: dict[str, Any] | None) -> FrozenTrial:
        """What the sampler proposes, or what is given."""
        if given is not None:
            self.study.enqueue_trial(given)
        asked = self.study.ask(self.distributions)
        if self.sampler == "nsga2":
            _ = asked.relative_params  # asked for these it notes the generation, also where all is given
        if self.constrained:
            asked.set_constraint(views.BUDGET, self._excess(asked))
        self.study.tell(asked, state=TrialState.FAIL)  # samplers pass over it
        trial = copy(self.study.get_trials(deepcopy=False)[asked.number])
        trial.system_attrs = {key: value for key, value in trial.system_attrs.items() if key != GIVEN}
        return trial

    def _excess(self, trial: BaseTrial) -> int:
        return self.space.excess(views.wanted(self.space, trial.params))

    @property
    def _first(self) -> bool:
        """Whether it is too early for the sampler."""
        if self.sampler == "nsga2":
            return len(self._complete()) < population(self.trials)
        judged = [trial for trial in self.learned.values() if not refused(trial)]
        return self.sampler == "random" or len(self._complete() if self.sampler == "gp" else judged) < STARTUP

    def _drawn(self, random: torch.Generator, number: int) -> Choice:
        if self.sampler == "nsga2":
            return self.even(random, number=number)
        return self.draw(random)

    @property
    def _patience_is_over(self) -> bool:
        last = sorted(self.learned)[-REFUSALS:]
        return len(last) == REFUSALS and all(refused(self.learned[number]) for number in last)

    def _sampler(self, seed: int) -> BaseSampler:
        kinds: dict[str, Callable[[], BaseSampler]] = {
            "tpe": lambda: TPESampler(seed=seed, multivariate=False, group=False, constant_liar=False),
            "nsga2": lambda: Nsga2(self.space, self.trials, seed),
            "gp": lambda: GPSampler(seed=seed),
            "random": lambda: RandomSampler(seed=seed),
        }
        return kinds[self.sampler]()


def refused(trial: FrozenTrial) -> bool:
    """Whether a trial is none that was judged, but a proposal beyond the budget."""
    return trial.state == TrialState.PRUNED and any(value > 0 for value in trial.constraints.values())
