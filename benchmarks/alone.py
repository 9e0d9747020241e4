"""Are found genotypes better than random ones? Each network trained alone, from scratch, all alike; accuracy on test images.

The genotypes are those of the long searches under `docs/searches`, and random ones of the same space. Nothing is chosen by the test
images of fashion-mnist, and no search has seen them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import mannwhitneyu, ttest_ind

from benchmarks.comparison import plain_table
from benchmarks.images import images
from benchmarks.planted import CONFIDENCE
from benchmarks.trained import trained
from scansearch.data import Parts
from scansearch.genotype import Genotype
from scansearch.registry import SEARCH_SPACES
from scansearch.space import find_space

FOUND = Path(__file__).parent.parent / "docs" / "searches"
SEEDS, RANDOM = 1, 8
FIRST_SEED = 100
"""Not that of a search: no initial weights of a supernet come back."""
SPACE, MODEL, LAYERS, NAME = "default8", "local_vim_nano", 4, "alone"
TRAIN, TEST = 6_000, 10_000
TRAINING: dict[str, Any] = {"epochs": 10, "threads": 1}
"""940 updates of the weights, at the rate that scansearch gives a network of this width."""

Directions = Sequence[Sequence[str]]


@dataclass(frozen=True)
class FoundAgainstRandom:
    """Accuracies of networks trained alone.

    Args:
        found: Accuracy in [0, 1] of each genotype that a search found, by the strategy's name.
        random: Those of random genotypes.
        title: The line above the table.
    """

    found: dict[str, float]
    random: list[float]
    title: str

    @cached_property
    def difference(self) -> tuple[float, float, float]:
        """Mean of the found minus mean of the random genotypes, and where it lies with 95 % confidence (Welch)."""
        found, random = list(self.found.values()), self.random
        interval = ttest_ind(found, random, equal_var=False).confidence_interval(CONFIDENCE)
        return fmean(found) - fmean(random), float(interval.low), float(interval.high)

    @cached_property
    def chance(self) -> float:
        """How probable ranks as good, or better, would be if found genotypes were random ones (exact Mann-Whitney test)."""
        return float(mannwhitneyu(list(self.found.values()), self.random, alternative="greater", method="exact").pvalue)

    def below(self, accuracy: float) -> int:
        """How many random genotypes are less accurate."""
        return sum(other < accuracy for other in self.random)

    def table(self) -> Table:
        """A row a found genotype, best first; random ones together; the difference with its interval, and p by chance."""
        made = plain_table(["", "test accuracy", "random ones below"])
        for name, accuracy in sorted(self.found.items(), key=lambda item: -item[1]):
            made.add_row(name, f"{accuracy:.2%}", f"{self.below(accuracy)} of {len(self.random)}")
        made.add_row(f"{len(self.random)} random, mean", f"{fmean(self.random):.2%}", "")
        made.add_row("lowest, highest", f"{min(self.random):.2%}, {max(self.random):.2%}", "")
        made.add_row("standard deviation", f"{stdev(self.random):.2%}", "")
        mean, low, high = (100 * points for points in self.difference)
        made.add_row("found minus random, points", f"{mean:+.2f} ({low:+.2f} to {high:+.2f})", f"p {self.chance:.2g}")
        return made

    def missed(self) -> list[str]:
        """Nothing is promised: a found genotype is a hypothesis."""
        return []

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON data, with every accuracy."""
        facts = {"benchmark": "alone", "title": self.title, "found": self.found, "random": self.random}
        return {**facts, "difference": self.difference, "p_by_chance": self.chance, "missed": self.missed()}


def found() -> dict[str, list[list[str]]]:
    """The genotypes of the long searches, by strategy."""
    paths = sorted(FOUND.glob("*/genotype.json"))
    return {path.parent.name: Genotype.load(path).directions for path in paths}


def drawn(count: int) -> list[list[list[str]]]:
    """Random genotypes, all different."""
    space = SEARCH_SPACES.get(SPACE).bind([(14, 14)] * LAYERS)
    generator, choices = torch.Generator().manual_seed(0), dict[Any, None]()
    while len(choices) < count:
        choices[space.sample(generator)] = None
    return [space.directions(choice) for choice in choices]


def accuracy(directions: Directions, seed: int, *, data: str = NAME, **settings: Any) -> float:
    """Accuracy in [0, 1] on the test images of ``data`` of a network with these directions, trained from scratch."""
    done = trained(directions, find_space(SPACE), MODEL, data, seed, {**TRAINING, **settings})
    return done.accuracy(done.images.test)


def cut(parts: Parts, train: int, test: int) -> Parts:
    """Some of the training images, and others to test by where the data have no test part; validation images are never used."""
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(parts.train)))
    aside = min(test, len(order) // 5)
    learned, unused, last = (
        parts.train.subset(part) for part in (order[: -2 * aside][:train], order[-2 * aside : -aside], order[-aside:])
    )
    tests = parts.test or last
    return replace(parts, train=learned, validation=unused, test=tests.subset(torch.arange(len(tests))[:test]))


def run(seeds: int = SEEDS, *, root: Path | None = None, tiny: bool = False) -> list[FoundAgainstRandom]:
    """Trains the network of every genotype, so many times.

    Args:
        seeds: Trainings a genotype, each with a seed of its own; their mean counts.
        root: Folder of fashion-mnist; by default where its Debian package lies, else the digits take its place.
        tiny: A few images and genotypes, to see that it runs.
    """
    ours, theirs = found(), drawn(2 if tiny else RANDOM)
    if tiny:
        ours = dict(list(ours.items())[:2])
    sizes = (64, 100) if tiny else (TRAIN, TEST)
    with images(NAME, root, lambda parts: cut(parts, *sizes)) as name:
        settings: dict[str, Any] = {
            "patch_size": 2 if name == "fashion-mnist" else 1,
            **({"epochs": 1} if tiny else {}),
        }
        accuracies = [
            fmean(accuracy(directions, seed, **settings) for seed in range(FIRST_SEED, FIRST_SEED + seeds))
            for directions in track([*ours.values(), *theirs], "training", console=Console(stderr=True), transient=True)
        ]
    title = (
        f"alone: are found genotypes better than random ones? Networks trained alone on {name}, {seeds} time"
        f"{'s' if seeds > 1 else ''} each, from scratch, all alike; accuracy on test images"
    )
    return [FoundAgainstRandom(dict(zip(ours, accuracies, strict=False)), accuracies[len(ours) :], title)]
