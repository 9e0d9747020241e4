"""Accuracy against cost of the genotypes that a strategy judged, and the front of those that none beats in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scansearch.figures.colours import GREY, KEPT
from scansearch.figures.drawable import drawable, left_out_lines, not_finite_lines, thinned
from scansearch.figures.figure import FigureSpec
from scansearch.figures.plain_matplotlib import matplotlib
from scansearch.figures.sources import RunSource
from scansearch.figures.style import MARGIN, heading, heading_height, lay_out_below_heading, new_figure
from scansearch.shape import measure_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

MOST_DOTS = 5000
MOST_NUMBERS = 40
"""Genotypes of a front up to which each has its number."""
WIDTH, HEIGHT = 4.6, 2.48  # inches below the heading


def draw(source: RunSource) -> Figure:
    """A dot for each genotype; the line joins those on the front, numbered as in ``genotypes.csv``. Of very many, a part."""
    table = source.genotypes
    measure = measure_text(str(table["measure"].iloc[0]))
    front = table[table["front"] == 1].sort_values("cost")
    some = table.iloc[thinned(len(table), MOST_DOTS)]
    lines = source.heading_lines(_lines(table, front, len(some), measure), WIDTH - 2 * MARGIN)
    figure = new_figure(WIDTH, HEIGHT + heading_height(lines))
    lay_out_below_heading(figure, heading_height(lines))
    axes = figure.subplots()
    dots: dict[str, Any] = {"marker": "o", "markersize": 2.5, "markeredgewidth": 0}
    axes.plot(_cost(some), _worth(some), linestyle="none", color=GREY, alpha=0.6, **dots)
    _draw_front(axes, front.iloc[thinned(len(front), MOST_DOTS)])
    _label(axes, str(table["unit"].iloc[0]), measure)
    heading(figure, source.title, lines)
    return figure


def _draw_front(axes: Axes, front: DataFrame) -> None:
    axes.plot(_cost(front), _worth(front), color=KEPT, drawstyle="steps-post", marker="o", markersize=3, label="front")
    if len(front) > MOST_NUMBERS:
        return
    for number, cost, worth in zip(front["number"], _cost(front), _worth(front), strict=True):
        axes.annotate(
            str(number), (cost, worth), (0, 3), textcoords="offset points", ha="center", fontsize=5.5, color=KEPT
        )


def _cost(table: DataFrame) -> np.ndarray:
    return drawable(table["cost"])


def _worth(table: DataFrame) -> np.ndarray:
    return drawable(table["worth"]) * 100


def _label(axes: Axes, unit: str, measure: str) -> None:
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(nbins=6, integer=unit == "directions"))
    if unit == "FLOPs":
        axes.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter())
    axes.set_xlabel(f"cost ({unit})" if unit != "directions" else "directions kept, all layers together")
    axes.set_ylabel(f"validation {measure} (%)")
    axes.margins(y=0.12)
    axes.legend(frameon=False, loc="best")


def _lines(table: DataFrame, front: DataFrame, shown: int, measure: str) -> list[str]:
    return [
        f"{len(table):,} genotypes judged, {len(front):,} of them on the front of {measure} and cost",
        *left_out_lines(shown, len(table), "dots"),
        *not_finite_lines(table, ["worth", "cost"]),
    ]


def applies(source: RunSource) -> str | None:
    """It needs a finished run that judged genotypes of several costs."""
    if source.genotypes.empty:
        return "no genotypes were judged in this run, or it has not ended"
    if not (source.genotypes["front"] == 1).any():
        return "no genotype of this run is marked as on the front"
    costs = source.genotypes["cost"].nunique()
    return "all genotypes that this run judged cost the same" if costs == 1 else None


FRONT = FigureSpec(
    "front", RunSource, "accuracy against cost of the genotypes that were judged, and their front", draw, applies
)
