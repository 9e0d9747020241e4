"""Accuracies of the genotypes that a strategy judged, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scansearch.figures.colours import GREY, KEPT
from scansearch.figures.drawable import drawable, left_out_lines, not_finite_lines, percent_text, thinned
from scansearch.figures.figure import FigureSpec
from scansearch.figures.plain_matplotlib import matplotlib
from scansearch.figures.sources import RunSource
from scansearch.figures.style import MARGIN, heading, heading_height, lay_out_below_heading, new_figure
from scansearch.shape import measure_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

MOST_DOTS = 5000
WIDTH, HEIGHT = 4.6, 2.18  # inches below the heading


def draw(source: RunSource) -> Figure:
    """A dot for each genotype, of very many for evenly spaced ones; the line is the best so far of all."""
    table = source.genotypes
    number, worth = drawable(table["number"]), drawable(table["worth"]) * 100
    at = thinned(len(table), MOST_DOTS)
    lines = source.heading_lines(_lines(table, len(at)), WIDTH - 2 * MARGIN)
    figure = new_figure(WIDTH, HEIGHT + heading_height(lines))
    lay_out_below_heading(figure, heading_height(lines))
    axes = figure.subplots()
    dots: dict[str, Any] = {"marker": "o", "markersize": 2.5, "markeredgewidth": 0}
    axes.plot(number[at], worth[at], linestyle="none", color=GREY, alpha=0.6, **dots)
    best = np.fmax.accumulate(worth)
    axes.plot(number[at], best[at], color=KEPT, drawstyle="steps-post", label="best so far")
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    axes.set_xlabel("genotypes judged")
    axes.set_ylabel(f"validation {measure_text(str(table['measure'].iloc[0]))} (%)")
    axes.legend(frameon=False, loc="best")
    heading(figure, source.title, lines)
    return figure


def _lines(table: DataFrame, shown: int) -> list[str]:
    from pandas import Series

    worth = Series(drawable(table["worth"]))
    median, best = map(percent_text, (worth.median(), worth.max()))
    return [
        f"{len(table):,} genotypes judged: median {median}, best {best}",
        *left_out_lines(shown, len(table), "dots"),
        *not_finite_lines(table, ["worth"]),
    ]


def applies(source: RunSource) -> str | None:
    """It needs a finished run of a strategy that judges genotypes."""
    return "no genotypes were judged in this run, or it has not ended" if source.genotypes.empty else None


JUDGED = FigureSpec("judged", RunSource, "accuracies of the genotypes that were judged, in their order", draw, applies)
