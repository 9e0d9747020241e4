"""The figure of `curves`: what each search gained over chance, a row a strategy."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.curve_table import Row, Worth
from scansearch.figures.colours import FAINT, GREY, KEPT
from scansearch.figures.style import MARGIN, heading, heading_height, lay_out_below_heading, new_figure, picture, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, ROW, AXIS = 5.6, 0.27, 0.5
"""Inches: of the figure, of a row, and of the axis below them."""
SPREAD = 0.22
"""How far the searches of a row lie above or below it, in rows, one layout beside the other."""


def draw(worth: Worth, file: Path) -> None:
    """Writes the figure as a PNG."""
    file.write_bytes(picture(figure_of(worth), "png"))


def figure_of(worth: Worth) -> Figure:
    """A dot a search, over it the mean and its 95 % interval over layouts; the best strategy on top."""
    rows = sorted(worth.rows, key=lambda row: row.gain[0])
    facts = [
        "test accuracy of what it found, minus that of the best of as many random genotypes as its time would train",
        "dot: a search; diamond: the mean, with its 95 % interval over layouts",
    ]
    with style():
        figure = new_figure(WIDTH, heading_height(facts) + ROW * len(rows) + AXIS)
        heading(figure, "What a search gains over random genotypes in the same time", facts, MARGIN)
        lay_out_below_heading(figure, heading_height(facts))
        axes = figure.add_subplot()
        axes.axvline(0, color=GREY, linewidth=0.8)
        for place, row in enumerate(rows):
            gains = row.gains
            axes.scatter(gains, place + _offsets(row), s=7, color=FAINT, linewidths=0, zorder=2)
            mean, low, high = row.gain
            if not isnan(low):
                axes.plot([low, high], [place, place], color=KEPT, zorder=3)
            axes.plot([mean], [place], color=KEPT, marker="D", markersize=3.5, zorder=4)
        axes.set_yticks(range(len(rows)), [_label(row, worth) for row in rows])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("gain (points)")
    return figure


def _label(row: Row, worth: Worth) -> str:
    """The strategy, with its time where there are several."""
    several = len({other.budget for other in worth.rows}) > 1
    return f"{row.strategy}, {row.budget} trainings" if several else row.strategy


def _offsets(row: Row) -> np.ndarray:
    """Layouts one beside the other, so that equal gains do not hide each other."""
    names = list(dict.fromkeys(row.layouts))
    steps = np.linspace(-SPREAD, SPREAD, len(names)) if len(names) > 1 else np.zeros(1)
    return np.array([steps[names.index(name)] for name in row.layouts])
