"""What do black-box searches find by themselves? Additive scores without noise, of which the best genotype is known.

A score is the sum of what each direction is worth in each layer, so the search alone decides; there is no image and no training.
Once every layer keeps four of eight; once one to four of eight within a budget, with a price a direction, where the front of
score and cost counts, too. ``optuna_search`` is compared with Optuna's samplers as they are: a category a subset, of proposals beyond
the budget the nearest genotype.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np
import optuna
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.comparison import plain_table
from scansearch.models import Supernet
from scansearch.registry import SEARCH_SPACES, STRATEGIES
from scansearch.space import BoundSpace, Budget, Choice, Costs, SearchSpace
from scansearch.strategy.black_box.nsga2 import population
from scansearch.strategy.step import Plan

SEEDS = 3
LAYERS, TRIALS = 20, 200
KEEP, RANGE = 4, (1, 4)
PRICES = range(1, 10)
SHARE = 0.6
"""The budget lies here between the cheapest genotype and the dearest."""
USEFUL = 0.5
"""What a direction is worth on average where their number is free, in standard deviations; otherwise 0."""
GRID = (8, 8)


@dataclass(frozen=True)
class Task:
    """A space, and what each direction is worth in each layer.

    Args:
        space: The space.
        worth: Shape (layers, candidates).
    """

    space: BoundSpace
    worth: np.ndarray

    @classmethod
    def draw(cls, seed: int, layers: int, *, budget: bool) -> Task:
        """Draws what directions are worth and, for a budget, their prices."""
        random, names = np.random.default_rng(seed), SEARCH_SPACES.get("default8").candidates
        worth = random.normal(size=(layers, len(names))) + USEFUL * budget
        if not budget:
            return cls(SearchSpace(name="additive", candidates=names, keep=KEEP).bind([GRID] * layers), worth)
        prices = random.choice(PRICES, size=worth.shape)
        ordered = np.sort(prices, axis=1)
        low, high = ordered[:, : RANGE[0]].sum(), ordered[:, -RANGE[1] :].sum()
        costs = Costs("FLOPs", 0.0, [dict(zip(names, row.tolist(), strict=True)) for row in prices])
        limit = Budget(limit=int(low + SHARE * (high - low)), table="prices")
        space = SearchSpace(name="additive", candidates=names, keep=RANGE, budget=limit)
        return cls(space.bind([GRID] * layers, costs=costs), worth)

    def score(self, choice: Choice) -> float:
        """Sum of what is kept is worth."""
        return float(sum(row[list(kept)].sum() for row, kept in zip(self.worth, choice, strict=True)))

    @property
    def best(self) -> Choice:
        """The genotype of the largest score."""
        return self.space.best([torch.from_numpy(row) for row in self.worth], threshold=0.0)

    @property
    def chance(self) -> float:
        """Mean score of a uniformly drawn genotype, of 1,000."""
        random = torch.Generator().manual_seed(0)
        return fmean(self.score(self.space.sample(random)) for _ in range(1000))


@dataclass
class Judging:
    """Judges by the score, squeezed into [0, 1], and counts how often it is asked.

    Args:
        task: What is searched.
    """

    task: Task
    found: dict[Choice, float] = field(default_factory=dict)

    def __call__(self, selections: Any) -> float:
        """The accuracy of a genotype given as selections."""
        return self.of(tuple(selection.indices for selection in selections))

    def from_scratch(self, choice: Choice, epochs: int) -> float:
        """The accuracy of a genotype."""
        return self.of(choice)

    def of(self, choice: Choice) -> float:
        """The accuracy of a genotype."""
        self.found[choice] = self.task.score(choice)
        most = float(np.abs(self.task.worth).sum())
        return (self.found[choice] + most) / (2 * most)


def ours(strategy: str, **settings: Any) -> Callable[[Task, int, int], Judging]:
    """A search by one of our strategies."""

    def search(task: Task, seed: int, trials: int) -> Judging:
        kind, judging = STRATEGIES.get(strategy), Judging(task)
        made = kind(
            kind.Settings(**{key: value(trials) if callable(value) else value for key, value in settings.items()})
        )
        made.setup(_Nothing(), task.space, Plan(1, 1, seed))
        made.finish(judging)
        return judging

    return search


def optunas(sampler: Callable[[int, int], optuna.samplers.BaseSampler]) -> Callable[[Task, int, int], Judging]:
    """A search by a sampler of Optuna, with a category a subset; what is beyond a budget becomes the nearest within."""

    def search(task: Task, seed: int, trials: int) -> Judging:
        space, judging = task.space, Judging(task)
        subsets = [{str(kept): kept for kept in layer.choices()} for layer in space]
        domains: dict[str, optuna.distributions.BaseDistribution] = {
            f"layer{i}": optuna.distributions.CategoricalDistribution([*names]) for i, names in enumerate(subsets)
        }
        made = sampler(seed, trials)
        two = isinstance(made, optuna.samplers.NSGAIISampler)
        study = optuna.create_study(directions=["maximize", "minimize"] if two else ["maximize"], sampler=made)
        for _ in range(trials):
            trial = study.ask(domains)
            wanted = tuple(names[trial.params[f"layer{i}"]] for i, names in enumerate(subsets))
            choice = wanted if space.allows(wanted) else space.decode(space.encode(wanted))
            score = judging.of(choice)
            study.tell(trial, [score, float(space.cost(choice))] if two else [score])
        return judging

    return search


CONSTRAINED = "optuna_search tpe constraint"
SEARCHES = {
    "random_search": ours("random_search", judge="training", samples=lambda trials: trials),
    "evolution": ours(
        "evolution", population=population, competitors=4, cycles=lambda trials: trials - population(trials)
    ),
    "optuna_search random": ours("optuna_search", sampler="random", trials=lambda trials: trials),
    "optuna_search tpe": ours("optuna_search", sampler="tpe", trials=lambda trials: trials),
    CONSTRAINED: ours("optuna_search", sampler="tpe", beyond="constraint", trials=lambda trials: trials),
    "optuna_search nsga2": ours("optuna_search", sampler="nsga2", trials=lambda trials: trials),
    "optuna_search gp": ours("optuna_search", sampler="gp", trials=lambda trials: trials),
    "Optuna's TPE": optunas(lambda seed, trials: optuna.samplers.TPESampler(seed=seed)),
    "Optuna's NSGA-II": optunas(lambda seed, trials: optuna.samplers.NSGAIISampler(seed=seed)),
}
WITH_BUDGET = (CONSTRAINED,)
"""Differ from another search only where there is a budget."""


class _Nothing(Supernet):
    """No network: nothing is trained."""

    def forward(self, images: torch.Tensor, selections: Any) -> torch.Tensor:
        raise NotImplementedError

    def architecture_parameters(self) -> list[torch.nn.Parameter]:
        return []

    def no_weight_decay(self) -> set[str]:
        return set()


@dataclass(frozen=True)
class Found:
    """What a search found.

    Args:
        reach: Its best score, where a random genotype is 0 and the best 1.
        front: Genotypes that no other it judged beats in score and cost.
        volume: Share of the area of reach and cost, the budget at most, that is dominated.
        limit: Share of what it judged that costs as much as the budget allows.
        seconds: How long it took.
    """

    reach: float
    front: int
    volume: float
    limit: float
    seconds: float

    @classmethod
    def of(cls, judging: Judging, seconds: float) -> Found:
        """Measures a search."""
        space, task = judging.task.space, judging.task
        low, high = task.chance, task.score(task.best)
        lowest, limit = sum(layer.cheapest for layer in space), space.limit or 1
        points = sorted((space.cost(choice), (score - low) / (high - low)) for choice, score in judging.found.items())
        front = list(_front(points))
        costs = [*(cost for cost, _ in front[1:]), limit]
        area = sum(max(reach, 0.0) * (after - cost) for (cost, reach), after in zip(front, costs, strict=True))
        at_limit = fmean(cost == limit for cost, _ in points)
        return cls(front[-1][1], len(front), area / max(limit - lowest, 1), at_limit, seconds)


def _front(points: list[tuple[int, float]]) -> Iterator[tuple[int, float]]:
    best = float("-inf")
    for cost, reach in points:
        if reach > best:
            best = reach
            yield cost, reach


@dataclass(frozen=True)
class Reached:
    """What the searches found on tasks of a kind.

    Args:
        title: The line above the table.
        rows: By search, one entry a seed.
        budget: Whether there is a budget.
    """

    title: str
    rows: dict[str, list[Found]]
    budget: bool

    def table(self) -> Table:
        """Means over the seeds, with the lowest and the highest reach."""
        more = ["front", "volume", "at limit"] if self.budget else []
        made = plain_table(["", "reach", "range", *more, "s"])
        for name, found in self.rows.items():
            reach = [one.reach for one in found]
            figures = [f"{fmean(one.front for one in found):.1f}", f"{fmean(one.volume for one in found):.3f}"]
            figures.append(f"{fmean(one.limit for one in found):.0%}")
            spread, seconds = f"{min(reach):.2f} - {max(reach):.2f}", f"{fmean(one.seconds for one in found):.1f}"
            made.add_row(name, f"{fmean(reach):.2f}", spread, *(figures if self.budget else []), seconds)
        return made

    def missed(self) -> list[str]:
        """Nothing is promised."""
        return []

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON data, with every search."""
        rows = [{"name": name, "searches": [vars(one) for one in found]} for name, found in self.rows.items()]
        return {"benchmark": "proposals", "title": self.title, "rows": rows}


def run(seeds: int = SEEDS, strategies: list[str] | None = None, *, tiny: bool = False) -> list[Reached]:
    """Searches with every search, or those of the strategies named, and so many seeds each."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    layers, trials = (2, 12) if tiny else (LAYERS, TRIALS)
    names = [name for name in SEARCHES if not strategies or name.split()[0] in strategies]
    results = []
    for budget in (False, True):
        rows: dict[str, list[Found]] = {name: [] for name in names if budget or name not in WITH_BUDGET}
        for name in track([*rows], "searching", console=Console(stderr=True), transient=True):
            for seed in range(seeds):
                task, began = Task.draw(seed, layers, budget=budget), time.perf_counter()
                judging = SEARCHES[name](task, seed, trials)
                rows[name].append(Found.of(judging, time.perf_counter() - began))
        kept = f"{RANGE[0]} to {RANGE[1]} of 8 within a budget" if budget else f"{KEEP} of 8"
        title = f"proposals: {trials} trials on {layers} layers of {kept}, additive scores, {seeds} seeds"
        results.append(Reached(title, rows, budget))
    return results
