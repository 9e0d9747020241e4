"""The table of `curves`: what was found, beside what the same time buys without a search."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isnan
from statistics import fmean
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text
from scipy.stats import ttest_1samp, wilcoxon

from benchmarks.comparison import not_run, plain_table
from benchmarks.curve_noise import Noise
from benchmarks.planted import CONFIDENCE


@dataclass(frozen=True)
class Row:
    """Searches of one strategy with one budget, a number for each task and seed.

    Args:
        strategy: Its name.
        budget: Time, in trainings.
        epochs: Epochs of its supernet.
        judged: Genotypes judged after it.
        found: Test accuracy in [0, 1] of what it found, trained alone.
        chance: Expected test accuracy of the best of so many random genotypes, on the same task.
        regret: Share of the way from a random genotype to the best known that is missing.
        right: Share of the layers that scan along the order of the layout.
        seconds: Processor seconds of the searches.
        layouts: The layout of each search; those of one share what chance is drawn from.
    """

    strategy: str
    budget: int
    epochs: int
    judged: int
    found: list[float]
    chance: list[float]
    regret: list[float]
    right: list[float]
    seconds: list[float]
    layouts: list[str]

    @property
    def gains(self) -> np.ndarray:
        """Found minus chance of each search, in points."""
        return 100 * (np.array(self.found) - np.array(self.chance))

    @property
    def by_layout(self) -> np.ndarray:
        """Mean gain of the searches of each layout, in points: these are independent, those of one layout share what chance is."""
        gains = dict[str, list[float]]()
        for layout, gain in zip(self.layouts, self.gains, strict=True):
            gains.setdefault(layout, []).append(float(gain))
        return np.array([fmean(each) for each in gains.values()])

    @cached_property
    def gain(self) -> tuple[float, float, float]:
        """Mean gain of a layout, in points, and where it lies with 95 % confidence (Student's t, over layouts)."""
        gains = self.by_layout
        if len(gains) < 2 or np.ptp(gains) == 0:
            return float(gains.mean()), float("nan"), float("nan")
        interval = ttest_1samp(gains, 0).confidence_interval(CONFIDENCE)
        return float(gains.mean()), float(interval.low), float(interval.high)

    @property
    def ahead(self) -> tuple[int, int]:
        """In how many layouts the mean gain is above 0, and how many layouts there are."""
        return int((self.by_layout > 0).sum()), len(self.by_layout)

    @cached_property
    def p(self) -> float:
        """How probable such gains of layouts would be without any (Wilcoxon's signed ranks, exact, one-sided)."""
        gains = self.by_layout
        return float(wilcoxon(gains, alternative="greater", method="exact").pvalue) if gains.any() else 1.0


@dataclass(frozen=True)
class Worth:
    """The table.

    Args:
        rows: A row a strategy and budget.
        absent: Strategies that could not run, each with the reason.
        known: For each layout: test accuracy of a random genotype, of the answer in every layer, and the best known.
        title: The line above the table.
        chance: Expected test accuracy of the best of so many random genotypes, the mean over layouts.
        noise: How much one training tells, where genotypes were trained more than once.
    """

    rows: list[Row]
    absent: dict[str, str]
    known: dict[str, tuple[float, float, float]]
    title: str
    chance: dict[int, float]
    noise: Noise | None = None

    def table(self) -> Table:
        """Accuracy of what was found, of chance at the same time, the gain with its interval and p, and the regret."""
        made = plain_table(
            ["", "time", "epochs", "judged", "found", "chance", "gain", "95 %", "p", "layouts ahead", "regret", "right"]
        )
        for row in self.rows:
            gain, low, high = row.gain
            made.add_row(
                row.strategy, str(row.budget), str(row.epochs), str(row.judged), f"{fmean(row.found):.1%}",
                f"{fmean(row.chance):.1%}", f"{gain:+.1f}", "" if isnan(low) else f"{low:+.1f} to {high:+.1f}", f"{row.p:.2g}",
                "{} of {}".format(*row.ahead),
                "" if isnan(fmean(row.regret)) else f"{fmean(row.regret):.0%}", f"{fmean(row.right):.0%}",
            )  # fmt: skip
        lines = [
            f"{name}: random {random:.1%}, answer everywhere {answer:.1%}, best known {best:.1%}"
            for name, (random, answer, best) in self.known.items()
        ]
        several = (f"of {count} {accuracy:.1%}" for count, accuracy in self.chance.items())
        lines.append(f"the best of random genotypes, for other times: {', '.join(several)}")
        lines.append(f"{len(self.known)} layouts can show no less than p = {0.5 ** len(self.known):.2g}")
        if (noise := self.noise) is not None:
            lines.append(
                f"one training of {noise.genotypes} genotypes: standard deviation {100 * noise.deviation:.1f} points; "
                f"that some seeds are better than others: p {noise.p:.2g}"
            )
        notes = [Text(line, style="dim") for line in lines]
        if (missing := not_run(self.absent)) is not None:
            notes.append(missing)
        made.caption, made.caption_justify = Text("\n", no_wrap=True, overflow="ignore").join(notes), "left"
        return made

    def missed(self) -> list[str]:
        """Nothing is promised: the table says which strategies are worth their time."""
        return []

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON data, with every search."""
        rows = [{**vars(row), "gain": row.gain, "p": row.p, "ahead": row.ahead} for row in self.rows]
        noise = self.noise and vars(self.noise)
        facts = {"benchmark": "curves", "title": self.title, "known": self.known, "chance": self.chance, "noise": noise}
        return {**facts, "rows": rows, "absent": self.absent, "missed": self.missed()}
