"""Is what a search finds worth its time? Known answers on real training: signals laid on a grid along an order (`signals.py`).

A layer that scans along the order of the layout sees the signal as it was; the best genotype scans along it in every layer. Each search
gets the time of so many trainings of a single network, and what it finds is then trained alone, from scratch; where that is done several
times, its accuracy is the mean. Beside it stands what the same time buys without any search: the best, by validation images, of so many
random genotypes trained alone, and one more for the training that the search's genotype needs. Accuracies are on test images.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, product
from math import ceil
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmarks.curve_jobs import (
    EPOCHS,
    LAYERS,
    MODEL,
    ORDERS,
    Rate,
    Search,
    Task,
    Training,
    find,
    judges,
    rate,
    timed_as,
    train,
)
from benchmarks.curve_noise import Noise, noise_of
from benchmarks.curve_table import Row, Worth
from benchmarks.record import Record
from scansearch.errors import ScansearchError
from scansearch.registry import SEARCH_SPACES, STRATEGIES

LAYOUTS = ("hilbert", "h", "v", "w2", "spiral", "diagonal")
"""The layouts that everyone may look at; those drawn by a seed decide whether a setting holds elsewhere, too."""
CATALOGUE = "wide128"
SEEDS, POOL, SPARE = 3, 24, 4 / 3
LONGER = (1.0, 1.2, 1.5, 2.0)
"""Chance is told for so many times the time of the longest search, too: a search takes only about as long as was planned."""
BUDGETS = (3, 10, 30)
"""Time of a search, in trainings of a single network. For each there are ``SPARE`` times as many random genotypes in the pool, or more."""
FINAL_SEED, POOL_SEED, APART = 1_000, 2_000, 100
JUDGING = 0.25
"""Share of a search's time that a strategy which judges genotypes spends on that."""


def drawn(count: int, seed: int) -> list[Task]:
    """Hidden layouts, with their spaces, from the orders of a wide space."""
    kinds = [name for name in SEARCH_SPACES.get(CATALOGUE).candidates if not name.endswith("_flip")]
    random, found = np.random.default_rng(seed), list[Task]()
    for _ in range(count):
        orders = tuple(str(name) for name in random.choice(kinds, len(ORDERS), replace=False))
        found.append(Task(orders[0], tuple(sorted(orders))))
    return found


def tasks(count: int, layout_seeds: Sequence[int] = (), *, both: bool = False) -> list[Task]:
    """The open layouts, or hidden ones: so many of each seed; or ``both``. A layout that two seeds draw counts once."""
    known = [] if layout_seeds and not both else [Task(answer) for answer in LAYOUTS[:count]]
    return list(dict.fromkeys(chain(known, *(drawn(count, seed) for seed in layout_seeds))))


def planned(strategy: str, budget: int, rates: dict[str, float], *, tiny: bool) -> tuple[int, int]:
    """Epochs and judgements that so many trainings' time allows."""
    time = float(budget * (1 if tiny else EPOCHS))
    asks = judges(strategy) and rates["judgement"] > 0
    judged = round(JUDGING * time / rates["judgement"]) if asks else 20
    return max(1, int(time * ((1 - JUDGING) if asks else 1) / rates["epoch"])), max(20, judged)


def best_of(pool: Sequence[dict[str, float]], count: int) -> float:
    """Expected test accuracy of the one with the best validation accuracy among ``count`` drawn from a pool; exact.

    The best of the sample has rank r among n with probability C(n - r, count - 1) / C(n, count), r = 1 the best.
    """
    ordered = sorted(pool, key=lambda one: -one["validation"])
    left, total, size = 1.0, 0.0, len(ordered)
    for place, one in enumerate(ordered):
        here = left * min(1.0, count / (size - place))
        total, left = total + here * one["test"], left - here
    return total


def best_known(study: Study, task: Task) -> float:
    """Test accuracy of the best genotype known: the answer in every layer, or one that a search found."""
    found = [study.worth(job) for job in study.jobs if job.task == task]
    return max(fmean(map(study.test, study.answers[task])), *found)


@dataclass(frozen=True)
class Study:
    """All trainings and searches, done or not.

    Args:
        pool: Random genotypes, for each task.
        answers: The answer in every layer, once a seed, for each task.
        searches: By strategy and budget, one a task and seed.
        record: What was found.
        trainings: How many times what a search found is trained.
    """

    pool: dict[Task, list[Training]]
    answers: dict[Task, list[Training]]
    searches: dict[tuple[str, int], list[Search]]
    record: Record
    trainings: int = 1

    @property
    def jobs(self) -> list[Search]:
        """All searches."""
        return list(chain.from_iterable(self.searches.values()))

    def finals(self, job: Search) -> list[Training]:
        """The trainings of what a search found, each with a seed of its own."""
        directions, first = self.record.found[job.key]["directions"], FINAL_SEED + job.seed
        return [Training(job.task, directions, first + APART * place, job.tiny) for place in range(self.trainings)]

    def test(self, job: Training) -> float:
        """Its accuracy on test images, in [0, 1]."""
        return float(self.record.found[job.key]["test"])

    def worth(self, job: Search) -> float:
        """Accuracy on test images of what a search found, the mean over its trainings."""
        return fmean(map(self.test, self.finals(job)))

    def right(self, job: Search) -> float:
        """Share of the layers for which a search found the order of the layout, alone or among others."""
        layers = self.record.found[job.key]["directions"]
        return fmean(job.task.answer in names for names in layers)

    def do(self, processes: int) -> None:
        """Does what was not done yet."""
        alone = chain.from_iterable([*self.pool.values(), *self.answers.values()])
        self.record.fill({job.key: job for job in alone}, train, processes, "training alone")
        self.record.fill({job.key: job for job in self.jobs}, find, processes, "searching")
        finals = chain.from_iterable(map(self.finals, self.jobs))
        self.record.fill({job.key: job for job in finals}, train, processes, "training what was found")

    @property
    def labels(self) -> dict[Task, str]:
        """The layouts by their answers; one that has the answer of another, among other orders, with its number."""
        answers = [task.answer for task in self.pool]
        before = [answers[:place].count(answer) for place, answer in enumerate(answers)]
        return {
            task: f"{task.answer} ({count + 1})" if count else task.answer
            for task, count in zip(self.pool, before, strict=True)
        }

    def known(self) -> dict[Task, tuple[float, float, float]]:
        """Test accuracy of a random genotype (mean), of the answer in every layer (mean), and the best known."""
        return {
            task: (
                fmean(map(self.test, self.pool[task])),
                fmean(map(self.test, self.answers[task])),
                best_known(self, task),
            )
            for task in self.pool
        }

    def noise(self) -> Noise | None:
        """How much one training of a network tells, by those of what was found and of the answers."""
        trained = dict[tuple[Task, str], dict[int, float]]()
        for one in chain(chain.from_iterable(map(self.finals, self.jobs)), *self.answers.values()):
            trained.setdefault((one.task, str(one.directions)), {})[one.seed] = self.test(one)
        return noise_of(trained.values())

    def chance(self, counts: Iterable[int]) -> dict[int, float]:
        """Expected test accuracy of the best of so many random genotypes, as far as there are so many; the mean over tasks."""
        pools = [[self.record.found[one.key] for one in pool] for pool in self.pool.values()]
        most = min(map(len, pools))
        return {count: fmean(best_of(pool, count) for pool in pools) for count in counts if count <= most}

    def rows(self) -> list[Row]:
        """One a strategy and budget."""
        known, rows = self.known(), list[Row]()
        for (name, budget), jobs in self.searches.items():
            found = [self.worth(job) for job in jobs]
            pools = [[self.record.found[one.key] for one in self.pool[job.task]] for job in jobs]
            regret = []
            for job, accuracy in zip(jobs, found, strict=True):
                random, _, best = known[job.task]
                regret.append((best - accuracy) / (best - random) if best > random else float("nan"))
            chance = [best_of(pool, budget + 1) for pool in pools]
            seconds = [self.record.found[job.key]["seconds"] for job in jobs]
            judged = jobs[0].judged if judges(name) else 0
            right = [self.right(job) for job in jobs]
            layouts = [self.labels[job.task] for job in jobs]
            rows.append(Row(name, budget, jobs[0].epochs, judged, found, chance, regret, right, seconds, layouts))
        return rows


def timed(names: Sequence[str], record: Record, *, tiny: bool) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """How long an epoch and a judgement of each strategy last, and why others cannot run here."""
    rates, absent = dict[str, dict[str, float]](), dict[str, str]()
    for name in names:
        job = Rate(timed_as(name), tiny)
        try:
            record.fill({job.key: job}, rate, 1, f"timing {name}")
        except ScansearchError as error:
            absent[name] = str(error)
        else:
            rates[name] = record.found[job.key]
    return rates, absent


def run(
    seeds: int = SEEDS,
    strategies: Sequence[str] | None = None,
    *,
    budgets: Sequence[int] = BUDGETS,
    layouts: int = len(LAYOUTS),
    layout_seeds: Sequence[int] = (),
    both: bool = False,
    record: Path | None = None,
    processes: int = 1,
    trainings: int = 1,
    tiny: bool = False,
) -> list[Worth]:
    """Searches and trains.

    Args:
        seeds: Searches a strategy, a layout and a budget.
        strategies: Names; by default all there are.
        budgets: Time of a search, in trainings.
        layouts: How many layouts: open ones, and of each seed.
        layout_seeds: Draw hidden layouts in the place of the open ones.
        both: The open layouts beside the hidden ones.
        record: File of what was found before, and will be.
        processes: Jobs at once, one thread each.
        trainings: How many times what a search found is trained.
        tiny: A few images, to see that it runs.
    """
    kept, given, each = Record(record), tasks(layouts, layout_seeds, both=both), range(seeds)
    rates, absent = timed(strategies or STRATEGIES.names(), kept, tiny=tiny)
    size = 4 if tiny else max(POOL, ceil(SPARE * (max(budgets) + 1)))
    study = Study(
        pool={task: [Training(task, d, POOL_SEED, tiny) for d in task.drawn(size)] for task in given},
        answers={
            task: [Training(task, [[task.answer]] * LAYERS, FINAL_SEED + seed, tiny) for seed in each] for task in given
        },
        searches={
            (name, budget): [
                Search(task, name, seed, *planned(name, budget, rates[name], tiny=tiny), tiny)
                for task, seed in product(given, each)
            ]
            for name, budget in product(rates, budgets)
        },
        record=kept,
        trainings=trainings,
    )
    study.do(processes)
    hidden = len({*given} - {*tasks(layouts)})
    told = f", {hidden} drawn by seed {' and '.join(map(str, layout_seeds))}" if hidden else ""
    times = "" if trainings == 1 else f", the mean of {trainings} trainings of what was found"
    title = (
        f"curves: is a search worth its time? {len(given)} layouts{told}, {seeds} searches each; {MODEL}, one of "
        f"{len(ORDERS)} orders a layer; time in trainings of one network ({EPOCHS} epochs); accuracy on test images{times}"
    )
    known = {study.labels[task]: accuracies for task, accuracies in study.known().items()}
    chance = study.chance(round(longer * (max(budgets) + 1)) for longer in LONGER)
    return [Worth(study.rows(), absent, known, title, chance, study.noise())]
