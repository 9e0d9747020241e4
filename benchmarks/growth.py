"""How time and memory grow with a size: samples along an axis, the exponent of a power law, and a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.comparison import plain_table
from scansearch.figures.colours import GREY, KEPT
from scansearch.figures.plain_matplotlib import matplotlib
from scansearch.figures.style import lay_out_below_heading, new_figure, picture, style

FITTED = 3
"""Points, the largest sizes, that the exponent is fitted to: at small ones a constant part of the time counts."""
LINEAR = 1.1
"""Largest exponent that passes for linear: the sizes are powers of two, and timings differ by a few per cent."""


@dataclass(frozen=True)
class Growth:
    """One quantity at rising sizes.

    Args:
        axis: What grows, in one word.
        title: The line above the table.
        milliseconds: Samples at each size; those of a peer, too.
        megabytes: Peak memory at each size, likewise; may be empty.
        at_most: Largest exponent of our time that is promised.
    """

    axis: str
    title: str
    milliseconds: Mapping[str, Mapping[int, Sequence[float]]]
    megabytes: Mapping[str, Mapping[int, float]]
    at_most: float | None = LINEAR

    def exponent(self, name: str, *, memory: bool = False) -> float:
        """Slope of log time, or log memory, over log size, by least squares; not a number for fewer than two sizes."""
        values: Mapping[int, float] = self.megabytes[name] if memory else self.medians(name)
        points = sorted(values.items())[-FITTED:]
        if len(points) < 2:
            return float("nan")
        sizes, found = np.log(np.array(points)).T
        return float(np.polyfit(sizes, found, 1)[0])

    def medians(self, name: str) -> dict[int, float]:
        """Median time at each size, in milliseconds."""
        return {size: median(samples) for size, samples in self.milliseconds[name].items()}

    def missed(self) -> list[str]:
        """A line if our time grows faster than promised."""
        ours = next(iter(self.milliseconds))
        found = self.exponent(ours)
        if self.at_most is None or math.isnan(found) or found <= self.at_most:
            return []
        return [
            f"scale {self.axis}: time must grow with an exponent of at most {self.at_most:g}, but grows with {found:.2f}"
        ]

    def table(self) -> Table:
        """Time and memory at each size, and their exponents."""
        made = plain_table(
            [self.axis, *(f"{name}: ms" for name in self.milliseconds), *(f"{n}: MB" for n in self.megabytes)]
        )
        times = {name: self.medians(name) for name in self.milliseconds}
        for size in sorted({size for found in times.values() for size in found}):
            cells = [_cell(found.get(size)) for found in (*times.values(), *self.megabytes.values())]
            made.add_row(str(size), *cells)
        slopes = [self.exponent(name) for name in self.milliseconds]
        slopes += [self.exponent(name, memory=True) for name in self.megabytes]
        made.add_row("exponent", *("" if math.isnan(slope) else f"{slope:.2f}" for slope in slopes))
        return made

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON data, with every sample."""
        facts = {"benchmark": "scale", "case": self.axis, "title": self.title, "at_most": self.at_most}
        rows = [
            {"name": name, "samples": {str(k): list(v) for k, v in found.items()}, "exponent": self.exponent(name)}
            for name, found in self.milliseconds.items()
        ]
        memory = [
            {
                "name": name,
                "megabytes": {str(k): v for k, v in found.items()},
                "exponent": self.exponent(name, memory=True),
            }
            for name, found in self.megabytes.items()
        ]
        return {**facts, "rows": rows, "memory": memory, "missed": self.missed()}


def draw(found: Sequence[Growth], file: Path) -> None:
    """Time above, memory below, a column an axis; both scales logarithmic. Writes a PNG."""
    with style():
        figure = new_figure(1.75 * len(found), 3.4)
        lay_out_below_heading(figure, 0)
        panels = figure.subplots(2, len(found), squeeze=False, sharex="col", sharey="row")
        for growth, column in zip(found, panels.T, strict=True):
            rows: list[Mapping[str, Mapping[int, float]]] = [
                {n: growth.medians(n) for n in growth.milliseconds},
                growth.megabytes,
            ]
            for axes, lines, unit in zip(column, rows, ("ms", "MB"), strict=True):
                for (name, points), colour in zip(lines.items(), (KEPT, GREY), strict=False):
                    slope = growth.exponent(name, memory=unit == "MB")
                    label = name if math.isnan(slope) else f"{name}: n^{slope:.2f}"
                    axes.plot(
                        *zip(*sorted(points.items()), strict=True),
                        color=colour,
                        marker="o",
                        markersize=2.5,
                        label=label,
                    )
                _log_axes(axes, sorted(next(iter(growth.milliseconds.values()))))
                axes.set_visible(bool(lines))
                if lines:
                    axes.legend(frameon=False, fontsize=6, loc="lower right")
            lowest = column[1 if growth.megabytes else 0]
            lowest.set_xlabel(growth.axis)
            lowest.tick_params(labelbottom=True)
        panels[0][0].set_ylabel("time (ms)")
        panels[1][0].set_ylabel("peak memory (MB)")
        file.write_bytes(picture(figure, "png"))


def _log_axes(axes: Any, sizes: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes], rotation=45)
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"
