"""Does a strategy avoid random permutations? The space `decoys12` on fashion-mnist: LocalMamba's eight and four decoys, keep 4.

On fashion-mnist decoys are known to be worse: in a prototype of this size, a decoy and its flip reached 79.2 %, `h` with its flip 81.3,
`h` with `v` 81.9 (2 seeds each, which differed by about 0.5). So a strategy that works keeps fewer decoys than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from rich.table import Table
from scipy.stats import binomtest

from benchmarks.comparison import not_run, plain_table
from benchmarks.images import images
from benchmarks.planted import CONFIDENCE, TINY, tried
from benchmarks.search import search
from scansearch.comparing.agreement import overlap_law, sum_of
from scansearch.data import Parts
from scansearch.registry import SEARCH_SPACES, STRATEGIES

SEEDS = 3
SPACE, DECOY = "decoys12", "random:"
NAME = "decoys"
TRAIN, VALIDATION = 3_000, 500
MODEL: dict[str, Any] = {"model": "local_vim_nano", "depth": 2}
SEARCH: dict[str, Any] = {"epochs": 5, "lr": 3e-3, "batch_size": 32, "threads": 1, "checkpoint_steps": 100_000}
"""Small enough for an hour on one core, all strategies together; 465 updates of the weights."""
SETTINGS: dict[str, dict[str, Any]] = {
    # About 60 judgements by the supernet each, so that choosing does not take longer than training.
    "random_search": {"samples": 200},
    "single_path": {"population": 20, "generations": 2, "mutations": 10, "crossovers": 10},
    "fair_path": {"population": 20, "generations": 2, "mutations": 10, "crossovers": 10},
    "evolution": {"population": 20, "competitors": 5, "cycles": 40},
    "local_search": {"trials": 60},
    "surrogate": {"trials": 60},
    "optuna_search": {"trials": 60},
    "nni_search": {"trials": 60},
}
"""What differs from the strategies' own settings."""


@dataclass(frozen=True)
class Odds:
    """How many decoys a layer keeps by chance.

    Args:
        candidates: Directions to choose from.
        decoys: Those of them that are decoys.
        keep: Directions that a layer keeps.
    """

    candidates: int
    decoys: int
    keep: int

    @property
    def mean(self) -> float:
        """Decoys a layer."""
        return self.keep * self.decoys / self.candidates

    def at_most(self, decoys: int, layers: int) -> float:
        """Probability that so many layers keep at most so many decoys, all together."""
        total = sum_of([overlap_law(self.candidates, self.decoys, self.keep)] * layers)
        return float(min(1.0, total[: decoys + 1].sum()))


@dataclass(frozen=True)
class Kept:
    """Searches of one strategy.

    Args:
        strategy: Its name.
        decoys: Decoys kept, one list a seed with a number a layer.
        odds: What a layer draws from by chance.
    """

    strategy: str
    decoys: list[list[int]]
    odds: Odds

    @property
    def mean(self) -> float:
        """Decoys a layer."""
        return fmean(number for layers in self.decoys for number in layers)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the decoys a layer lie with 95 % confidence: exact binomial (Clopper-Pearson), a trial for each direction kept."""
        layers, keep = sum(map(len, self.decoys)), self.odds.keep
        bounds = binomtest(sum(map(sum, self.decoys)), layers * keep).proportion_ci(CONFIDENCE, method="exact")
        return float(bounds.low) * keep, float(bounds.high) * keep

    @property
    def chance(self) -> float:
        """Probability that random sampling keeps so few decoys, or fewer: exact, a sum of hypergeometric numbers."""
        return self.odds.at_most(sum(map(sum, self.decoys)), sum(map(len, self.decoys)))


@dataclass(frozen=True)
class DecoysKept:
    """The table of all strategies.

    Args:
        rows: Those that ran.
        absent: Those that could not, each with the reason.
        odds: What random sampling keeps.
        title: The line above the table.
    """

    rows: list[Kept]
    absent: dict[str, str]
    odds: Odds
    title: str

    def table(self) -> Table:
        """Decoys a layer with their interval; random sampling first."""
        made = plain_table(["", "decoys a layer", f"{CONFIDENCE:.0%} interval", "p by chance", "layers"])
        made.add_row("random sampling", f"{self.odds.mean:.2f}", "exact", "", "")
        for row in sorted(self.rows, key=lambda row: row.mean):
            low, high = row.interval
            layers = sum(map(len, row.decoys))
            made.add_row(row.strategy, f"{row.mean:.2f}", f"{low:.2f} - {high:.2f}", f"{row.chance:.1g}", str(layers))
        made.caption, made.caption_justify = not_run(self.absent), "left"
        return made

    def missed(self) -> list[str]:
        """One line for each strategy that does not keep fewer decoys than chance, with 95 % confidence."""
        lines = [
            f"decoys: {row.strategy} must keep fewer than {self.odds.mean:.2f} decoys a layer, but keeps {row.mean:.2f}, "
            f"which chance does with probability {row.chance:.2g}"
            for row in self.rows
            if row.chance >= 1 - CONFIDENCE
        ]
        return lines + [f"decoys: {name} did not run ({reason})" for name, reason in self.absent.items()]

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON data, with every layer."""
        rows = [
            {
                "name": row.strategy, "mean": row.mean, "interval": row.interval, "p_by_chance": row.chance,
                "decoys": row.decoys,
            }
            for row in self.rows
        ]  # fmt: skip
        facts = {"benchmark": "decoys", "title": self.title, "random_sampling": self.odds.mean}
        return {**facts, "rows": rows, "absent": self.absent, "missed": self.missed()}


def few(parts: Parts, train: int, validation: int) -> Parts:
    """Some of the training images, and a small validation part: it judges many genotypes."""
    total = len(parts.train)
    order = torch.from_numpy(np.random.default_rng(0).permutation(total))
    held_out = min(validation, total // 5)
    judges, learned = parts.train.subset(order[:held_out]), parts.train.subset(order[held_out : held_out + train])
    return replace(parts, train=learned, validation=judges)


def keep(strategy: str, seeds: Sequence[int], *, patch_size: int, tiny: bool = False) -> Kept:
    """Searches once a seed and counts the decoys that each layer keeps."""
    settings = {**SEARCH, **SETTINGS.get(strategy, {}), **(TINY.get(strategy, {}) if tiny else {})}
    if tiny:
        settings |= {"epochs": 1, "model": "local_vim_nano"}
    found = [
        search(**{**MODEL, **settings}, space=SPACE, strategy=strategy, data=NAME, seed=seed, patch_size=patch_size)
        for seed in seeds
    ]
    return Kept(strategy, [[sum(n.startswith(DECOY) for n in names) for names in g.directions] for g in found], odds())


def odds() -> Odds:
    """Those of the space."""
    space = SEARCH_SPACES.get(SPACE)
    return Odds(len(space.candidates), sum(name.startswith(DECOY) for name in space.candidates), int(space.keep))


def run(
    seeds: int = SEEDS, strategies: Sequence[str] | None = None, *, root: Path | None = None, tiny: bool = False
) -> list[DecoysKept]:
    """Searches with every strategy, or those named, and so many seeds each.

    Args:
        seeds: Searches a strategy.
        strategies: Names; by default all there are.
        root: Folder of fashion-mnist; by default where its Debian package lies, else the digits take its place.
        tiny: A few images, to see that it runs.
    """
    sizes = (64, 32) if tiny else (TRAIN, VALIDATION)
    with images(NAME, root, lambda parts: few(parts, *sizes)) as name:
        patch = 2 if name == "fashion-mnist" else 1
        names = strategies or STRATEGIES.names()
        rows, absent = tried(names, lambda n: keep(n, range(seeds), patch_size=patch, tiny=tiny))
    by_chance = odds()
    title = (
        f"decoys: how many random permutations does a layer keep, of {by_chance.decoys} among {by_chance.candidates} directions, "
        f"keep {by_chance.keep}? {name}, 2 layers, {seeds} searches a strategy"
    )
    return [DecoysKept(rows, absent, by_chance, title)]
