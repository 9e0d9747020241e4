"""How often a strategy finds the best genotype of a planted problem (`scansearch.testing.planted`), against random sampling."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import binomtest
from typing_extensions import override

from benchmarks.comparison import not_run, plain_table
from benchmarks.search import named, search
from scansearch.errors import ScansearchError
from scansearch.registry import STRATEGIES
from scansearch.strategy.gradient.gradient_strategy import LATE
from scansearch.testing.planted import GRID, PlantedProblem
from scansearch.training.events import Silent

SEEDS = 10
CONFIDENCE = 0.95
TRAIN: dict[str, Any] = {"epochs": 20, "lr": 0.01, "threads": 1, "checkpoint_steps": 100_000}
"""The same for every strategy. Each search draws a problem of its own: 2,048 images, so 640 updates of the weights."""
SETTINGS: dict[str, dict[str, Any]] = {
    # Two parts instead of four leave 8 of the network's 16 channels. A zero-one loss of 10 decides before it knows; and by half of these
    # few images, as published, gates decide wrongly in 4 of 10 searches.
    "partial_channel": {"parts": 2},
    "sigmoid": {"zero_one": 1.0, "level": "joint"},
    # Budgets: 1,000 quick judgements (published), or about 300 by all 512 validation images.
    "random_search": {"samples": 1000},
    "single_path": {"generations": 5},
    "fair_path": {"generations": 5},
    "evolution": {"cycles": 200},
    "local_search": {"trials": 300},
    "surrogate": {"trials": 300},
    "optuna_search": {"trials": 300},
    "nni_search": {"trials": 300},
}
"""What differs from the strategies' own settings."""
TINY: dict[str, dict[str, Any]] = {
    "random_search": {"samples": 4},
    "single_path": {"generations": 0, "population": 4},
    "fair_path": {"generations": 0, "population": 4},
    "evolution": {"cycles": 2, "population": 2},
    "local_search": {"trials": 4},
    "surrogate": {"trials": 4, "initial": 2},
    "optuna_search": {"trials": 4},
    "nni_search": {"trials": 4},
}


@dataclass(frozen=True)
class Hits:
    """Searches of one strategy.

    Args:
        strategy: Its name.
        found: For each seed, whether the planted genotype was found.
        overlaps: For each seed, the share of the planted directions that was found.
        seconds: For each seed, how long the search took.
        warned: For each seed, whether it said that the weights had learnt the images before alpha began.
    """

    strategy: str
    found: list[bool]
    overlaps: list[float]
    seconds: list[float]
    warned: list[bool] = field(default_factory=list)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the hit rate lies, with 95 % confidence at least (Clopper and Pearson)."""
        bounds = binomtest(sum(self.found), len(self.found)).proportion_ci(CONFIDENCE, method="exact")
        return float(bounds.low), float(bounds.high)

    @property
    def found_though_warned(self) -> str:
        """Hits among the searches that warned; nothing if none did."""
        hits = [hit for hit, warned in zip(self.found, self.warned, strict=False) if warned]
        return f"{sum(hits)} of {len(hits)}" if hits else ""

    def chance(self, rate: float) -> float:
        """How probable so many hits, or more, would be if each search hit at this rate."""
        return float(binomtest(sum(self.found), len(self.found), rate, alternative="greater").pvalue)


@dataclass(frozen=True)
class HitRates:
    """The table of all strategies.

    Args:
        rows: Those that ran.
        absent: Those that could not, each with the reason.
        genotypes: Size of the space; random sampling finds one of them.
        chance_overlap: Share of the planted directions that random sampling keeps on average.
        title: The line above the table.
    """

    rows: list[Hits]
    absent: dict[str, str]
    genotypes: int
    chance_overlap: float
    title: str

    @property
    def random_rate(self) -> float:
        """Hit rate of random sampling, exact."""
        return 1 / self.genotypes

    def table(self) -> Table:
        """Hits, hit rate and its interval, share of the planted directions found, seconds a search; random sampling first."""
        interval, warned = f"{CONFIDENCE:.0%} interval", "found, of those that warned"
        made = plain_table(["", "found", "rate", interval, "p by chance", "directions", "s", warned])
        exact = f"1 in {self.genotypes:,}", f"{self.random_rate:.2%}", "exact", "", f"{self.chance_overlap:.0%}", "", ""
        made.add_row("random sampling", *exact)
        for row in sorted(self.rows, key=lambda row: (-sum(row.found), -fmean(row.overlaps))):
            low, high = row.interval
            made.add_row(
                row.strategy, f"{sum(row.found)} of {len(row.found)}", f"{fmean(row.found):.0%}", f"{low:.0%} - {high:.0%}",
                f"{row.chance(self.random_rate):.1g}", f"{fmean(row.overlaps):.0%}",
                f"{fmean(row.seconds):.1f}", row.found_though_warned,
            )  # fmt: skip
        made.caption, made.caption_justify = not_run(self.absent), "left"
        return made

    def missed(self) -> list[str]:
        """One line for each strategy that is not better than random sampling, with 95 % confidence."""
        lines = [
            f"planted: {row.strategy} must find the planted genotype more often than random sampling, but found it in "
            f"{sum(row.found)} of {len(row.found)} searches"
            for row in self.rows
            if row.chance(self.random_rate) > 1 - CONFIDENCE
        ]
        return lines + [f"planted: {name} did not run ({reason})" for name, reason in self.absent.items()]

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON data, with every search."""
        rows = [
            {
                "name": row.strategy, "hit_rate": fmean(row.found), "interval": row.interval, "found": row.found,
                "overlaps": row.overlaps, "seconds": row.seconds, "warned": row.warned,
            }
            for row in self.rows
        ]  # fmt: skip
        chance = {"genotypes": self.genotypes, "hit_rate": self.random_rate, "overlap": self.chance_overlap}
        facts = {"benchmark": "planted", "title": self.title, "random_sampling": chance}
        return {**facts, "rows": rows, "absent": self.absent, "missed": self.missed()}


class Heard(Silent):
    """Keeps the warnings of a search."""

    def __init__(self) -> None:
        self.lines = list[str]()

    @override
    def warned(self, message: str) -> None:
        self.lines.append(message)


def settings_of(strategy: str, *, tiny: bool = False) -> dict[str, Any]:
    """All settings of a strategy's searches here."""
    small = {"epochs": 1, "limit": 128, **TINY.get(strategy, {})} if tiny else {}
    return {**TRAIN, **SETTINGS.get(strategy, {}), **small}


def find(strategy: str, seeds: Sequence[int], *, tiny: bool = False) -> Hits:
    """Searches one planted problem a seed; behind a comma, a strategy has settings: ``darts,alpha_warmup=0``."""
    name, settings = named(strategy)
    hits = Hits(strategy, [], [], [], [])
    for seed in seeds:
        with PlantedProblem.draw(seed).registered() as problem:
            began, heard = time.perf_counter(), Heard()
            genotype = search(
                space=problem.space, strategy=name, model="planted", data="planted", seed=seed, listener=heard,
                **{**settings_of(name, tiny=tiny), **settings},
            )  # fmt: skip
        hits.seconds.append(time.perf_counter() - began)
        hits.found.append(problem.is_planted(genotype))
        hits.overlaps.append(problem.overlap(genotype))
        hits.warned.append(any(line.startswith(LATE) for line in heard.lines))
    return hits


def tried(names: Sequence[str], attempt: Callable[[str], Any]) -> tuple[list[Any], dict[str, str]]:
    """What ``attempt`` gives for each strategy, and the reasons of those that cannot run here."""
    rows, absent = [], {}
    for name in track(names, "searching", console=Console(stderr=True), transient=True):
        try:
            rows.append(attempt(name))
        except ScansearchError as error:
            absent[name] = str(error)
    return rows, absent


def run(seeds: int = SEEDS, strategies: Sequence[str] | None = None, *, tiny: bool = False) -> list[HitRates]:
    """Searches with every strategy, or those named, and so many seeds each."""
    rows, absent = tried(strategies or STRATEGIES.names(), lambda name: find(name, range(seeds), tiny=tiny))
    problem = PlantedProblem.draw(0)
    layers = problem.space.bind([GRID] * len(problem.planted))
    keeps = [len(names) for names in problem.planted]
    title = (
        f"planted: does a search find the one best of {layers.size:,} genotypes? {seeds} searches a strategy, each with a "
        f"problem of its own ({len(keeps)} layers, {len(problem.candidates)} directions, keep {keeps[0]})"
    )
    return [HitRates(rows, absent, layers.size, keeps[0] / len(problem.candidates), title)]
