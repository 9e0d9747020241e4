"""Does a supernet rank genotypes as training them alone does? Before and after: equal weights without, own shares with the sandwich rule.

Random genotypes, each trained alone from scratch and measured on test images; the same genotypes as sub-networks of supernets that each
strategy trains, measured on validation images. The directions are those of `decoys12`, of which a layer keeps two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import combinations, groupby, product
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import bootstrap, kendalltau, spearmanr

from benchmarks import alone
from benchmarks.comparison import not_run, plain_table
from benchmarks.images import images
from benchmarks.planted import CONFIDENCE, tried
from benchmarks.search import search
from benchmarks.strategies import SANDWICH
from scansearch.data import Parts
from scansearch.errors import ScansearchError
from scansearch.models import Selection, bind_to
from scansearch.registry import DATASETS, MODELS, SEARCH_SPACES, STRATEGIES
from scansearch.space import BoundSpace, Choice, SearchSpace
from scansearch.strategy import Judge
from scansearch.strategy.gradient import GradientStrategy

GENOTYPES, SEEDS, RESAMPLES = 20, 2, 999
NAME = "ranks"
DIRECTIONS, KEEP, DEPTH = "decoys12", 2, 1
CASES = ("darts", "partial_channel", "single_path", "fair_path")
TRAIN, VALIDATION, TEST = 1_000, 300, 10_000
TRAINING: dict[str, Any] = {"epochs": 20, "batch_size": 64, "lr": 0.01, "threads": 1}
"""The same for supernets and for networks alone: 320 updates of the weights."""

TAU = partial(kendalltau, method="asymptotic")  # its exact p, which nobody asks for, would take the time

Interval = tuple[float, float, float]
"""A figure, and where it lies with 95 % confidence, over genotypes."""


@dataclass(frozen=True)
class Ranked:
    """What the supernets of one strategy say of the genotypes.

    Args:
        strategy: Its name.
        way: How its supernets were trained, and how they judge.
        scores: Accuracies in [0, 1] of the genotypes, a list for each supernet.
    """

    strategy: str
    way: str
    scores: list[list[float]]

    def correlation(self, truth: np.ndarray, picked: np.ndarray, measure: Callable[..., Any]) -> float:
        """Mean rank correlation of the supernets with accuracies alone, among the genotypes picked."""
        return fmean(_correlation(row[picked], truth[picked], measure) for row in np.array(self.scores))


@dataclass(frozen=True)
class Ranks:
    """The table of all strategies.

    Args:
        rows: Supernets of each kind.
        absent: Strategies that could not run, each with the reason.
        alone: Accuracies in [0, 1] of the genotypes trained alone, a list a seed.
        title: The line above the table.
    """

    rows: list[Ranked]
    absent: dict[str, str]
    alone: list[list[float]]
    title: str

    @cached_property
    def truth(self) -> np.ndarray:
        """Mean accuracy alone of each genotype."""
        return np.array(self.alone).mean(0)

    def agreement(self, row: Ranked, measure: Callable[..., Any]) -> Interval:
        """How well these supernets rank genotypes."""
        return bootstrapped(lambda picked: row.correlation(self.truth, picked, measure), len(self.truth))

    def gain(self, row: Ranked) -> Interval | None:
        """Kendall's tau of these supernets minus that of the strategy's first ones; ``None`` for these themselves."""
        first = next(other for other in self.rows if other.strategy == row.strategy)
        if first is row:
            return None
        both = [partial(one.correlation, self.truth, measure=TAU) for one in (row, first)]
        return bootstrapped(lambda picked: both[0](picked) - both[1](picked), len(self.truth))

    @cached_property
    def figures(self) -> dict[tuple[str, str], dict[str, Interval | None]]:
        """Of every row Kendall's tau, what that has gained, and Spearman's rho; they take seconds."""
        return {
            (row.strategy, row.way): {
                "tau": self.agreement(row, TAU), "tau_gained": self.gain(row), "rho": self.agreement(row, spearmanr),
            }
            for row in self.rows
        }  # fmt: skip

    def table(self) -> Table:
        """A row a kind of supernet: both rank correlations, what tau gains on the strategy's first row, mean accuracy of genotypes."""
        made = plain_table(["", "Kendall's tau", "gained", "Spearman's rho", "accuracy"])
        for strategy, rows in groupby(self.rows, lambda row: row.strategy):
            made.add_row(strategy)
            for row in rows:
                shown = map(_shown, self.figures[strategy, row.way].values())
                made.add_row(f"  {row.way}", *shown, f"{np.mean(row.scores):.1%}")
        made.add_row("trained alone", self._repeated(TAU), "", self._repeated(spearmanr), f"{self.truth.mean():.1%}")
        made.add_row("  spread", "", "", "", f"{self.truth.std(ddof=1):.1%}")
        made.caption, made.caption_justify = not_run(self.absent), "left"
        return made

    def _repeated(self, measure: Callable[..., Any]) -> str:
        """How well a network alone is known: one seed against another, on average."""
        pairs = [_correlation(*pair, measure) for pair in combinations(np.array(self.alone), 2)]
        return f"{fmean(pairs):.2f}" if pairs else ""

    def missed(self) -> list[str]:
        """Nothing is promised."""
        return []

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON data, with every accuracy."""
        rows = [
            {"strategy": row.strategy, "way": row.way, "scores": row.scores, **self.figures[row.strategy, row.way]}
            for row in self.rows
        ]
        facts = {"benchmark": "ranks", "title": self.title, "alone": self.alone, "absent": self.absent}
        return {**facts, "rows": rows, "missed": self.missed()}


def bootstrapped(figure: Callable[[np.ndarray], float], count: int) -> Interval:
    """A figure of so many genotypes, with its interval: percentiles over genotypes drawn with replacement."""
    every = np.arange(count)
    found = bootstrap(
        (every,), figure, n_resamples=RESAMPLES, vectorized=False, confidence_level=CONFIDENCE, method="percentile",
        random_state=0,
    ).confidence_interval  # fmt: skip
    return figure(every), float(found.low), float(found.high)


def _correlation(one: np.ndarray, other: np.ndarray, measure: Callable[..., Any]) -> float:
    """Of equal numbers there are no ranks: 0."""
    return float(measure(one, other).statistic) if np.ptp(one) and np.ptp(other) else 0.0


def _shown(figure: Interval | None) -> str:
    return "" if figure is None else "{:.2f} ({:.2f}, {:.2f})".format(*figure)


def cut(parts: Parts, train: int, validation: int, test: int) -> Parts:
    """Some of the training images, others that judge sub-networks, and others again where the data have no test part."""
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(parts.train)))
    learned, judges, last = (
        parts.train.subset(part)
        for part in (order[:train], order[train : train + validation], order[train + validation :][:test])
    )
    tests = parts.test or last
    return replace(parts, train=learned, validation=judges, test=tests.subset(torch.arange(len(tests))[:test]))


def searched(patch_size: int) -> tuple[SearchSpace, BoundSpace]:
    """What the genotypes are of, and that on the layers of the network."""
    space = SearchSpace(name=NAME, candidates=SEARCH_SPACES.get(DIRECTIONS).candidates, keep=KEEP)
    spec = MODELS.get(alone.MODEL).configure(depth=DEPTH, patch_size=patch_size)
    return space, bind_to(space, spec, DATASETS.get(NAME).load().shape)


def drawn(space: BoundSpace, count: int) -> list[Choice]:
    """Random genotypes, all different.

    Raises:
        ScansearchError: If there are not so many.
    """
    if count > space.size:
        raise ScansearchError(
            f"ranks has {space.size} different genotypes on these images, but --genotypes asks for {count}"
        )
    generator, choices = torch.Generator().manual_seed(0), dict[Choice, None]()
    while len(choices) < count:
        choices[space.sample(generator)] = None
    return list(choices)


def equal(selections: Sequence[Selection]) -> list[Selection]:
    """The same branches, with equal weights that add up to 1."""
    return [s._replace(weights=torch.full((len(s.indices),), 1 / len(s.indices))) for s in selections]


def supernets(strategy: str, choices: Sequence[Choice], seeds: int, **settings: Any) -> list[Ranked]:
    """What the supernets of a strategy say of these genotypes, without the sandwich rule and with it."""
    kind, found = STRATEGIES.get(strategy), dict[str, list[list[float]]]()
    mixes = issubclass(kind, GradientStrategy) and not kind.draws

    class Judging(kind):  # type: ignore[misc, valid-type]
        def finish(self, evaluate: Judge) -> None:
            taught = ", sandwich" if self.settings.sandwich else ""
            if mixes and not taught:
                note("equal weights", [evaluate(equal(self.derived(choice))) for choice in choices])
            note(("shares" if mixes else "as drawn") + taught, [evaluate(self.derived(choice)) for choice in choices])

    def note(way: str, scores: list[float]) -> None:
        found.setdefault(way, []).append(scores)

    STRATEGIES.register(NAME, Judging)
    try:
        for sandwich, seed in product((0, SANDWICH), range(seeds)):
            search(strategy=NAME, data=NAME, seed=seed, sandwich=sandwich, **settings)
    finally:
        STRATEGIES.unregister(NAME)
    return [Ranked(strategy, way, scores) for way, scores in found.items()]


def run(
    seeds: int = SEEDS,
    strategies: Sequence[str] | None = None,
    genotypes: int = GENOTYPES,
    *,
    root: Path | None = None,
    tiny: bool = False,
) -> list[Ranks]:
    """Trains every genotype alone, and supernets of every strategy that rank them.

    Args:
        seeds: Trainings a genotype, and supernets of each kind.
        strategies: Names; by default some of each family.
        genotypes: How many are ranked.
        root: Folder of fashion-mnist; by default where its Debian package lies, else the digits take its place.
        tiny: A few images and genotypes, to see that it runs.
    """
    told = Console(stderr=True)
    sizes = (64, 32, 100) if tiny else (TRAIN, VALIDATION, TEST)
    names = strategies or (CASES[1:3] if tiny else CASES)
    training = {**TRAINING, **({"epochs": 1} if tiny else {})}
    with images(NAME, root, lambda parts: cut(parts, *sizes)) as name:
        model = {"depth": DEPTH, "patch_size": 2 if name == "fashion-mnist" else 1}
        space, bound = searched(model["patch_size"])
        choices = drawn(bound, 3 if tiny else genotypes)
        trainings = [(seed, choice) for seed in range(seeds) for choice in choices]
        accuracies = [
            alone.accuracy(bound.directions(choice), alone.FIRST_SEED + seed, data=NAME, **training, **model)
            for seed, choice in track(trainings, "training", console=told, transient=True)
        ]
        settings = {**training, **model, "model": alone.MODEL, "space": space, "checkpoint_steps": 100_000}
        found, absent = tried(names, lambda strategy: supernets(strategy, choices, seeds, **settings))
    title = (
        f"ranks: does a supernet rank {len(choices)} random genotypes as training them alone does? {name}, {DEPTH} layer, keep {KEEP} "
        f"of {len(space.candidates)} directions, {seeds} "
        f"seed{'s' if seeds > 1 else ''}"
    )
    by_seed = np.array(accuracies).reshape(seeds, len(choices)).tolist()
    return [Ranks([row for rows in found for row in rows], absent, by_seed, title)]
