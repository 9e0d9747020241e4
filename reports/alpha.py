"""Scores of every layer's candidates over the epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scansearch.figures.colours import GREY, DirectionStyle, direction_styles
from scansearch.figures.drawable import drawable, left_out_lines, not_finite_lines, thinned
from scansearch.figures.figure import FigureSpec
from scansearch.figures.plain_matplotlib import matplotlib
from scansearch.figures.sources import RunSource
from scansearch.figures.style import (
    MARGIN,
    epoch_axis,
    heading,
    heading_height,
    lay_out_below_heading,
    new_figure,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

MOST_LAYERS, MOST_LINES, MOST_EPOCHS = 40, 24, 200
"""Panels, lines in a panel, and points on a line."""
MOST_NAMED, MOST_NAMED_IN_PANEL = 16, 8
"""Candidates up to which one legend names them all; beyond, every panel names what it keeps, up to so many."""
WIDTH, PANEL_HEIGHT, LEGEND_ROW = 7.0, 1.5, 0.16  # inches
LEGEND: dict[str, Any] = {"handlelength": 2.2, "handletextpad": 0.5, "columnspacing": 1.4}  # in font sizes


def draw(source: RunSource) -> Figure:
    """One small panel a layer; the directions kept in the end are drawn strong, a flip is dashed."""
    table = _of_some_epochs(source.scores)
    layers = sorted(table["layer"].unique())
    names = list(dict.fromkeys(table["direction"]))
    many = len(names) > MOST_NAMED
    styles = None if many else direction_styles(names)
    columns = _columns(len(layers))
    width = WIDTH * max(columns, 2) / max(columns, 3)
    rows, legend_rows = math.ceil(len(layers) / columns), 0 if many else _legend_rows(names, width)
    lines = source.heading_lines(_lines(source.scores, table), width - 2 * MARGIN)
    figure = new_figure(width, heading_height(lines) + PANEL_HEIGHT * rows + LEGEND_ROW * legend_rows + 0.25)
    lay_out_below_heading(figure, heading_height(lines))
    grid = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    for axes, layer in zip(grid, layers, strict=False):
        _panel(axes, table[table["layer"] == layer], styles)
        axes.set_title(f"layer {int(layer) + 1}", loc="left")
    _axes(list(grid), len(layers), columns, source.facts.score_name)
    if many:
        _make_room(grid[0], max(len(axes.get_legend_handles_labels()[1]) for axes in grid))
    elif not (drawable(table["score"]) < 0).any():
        grid[0].set_ylim(bottom=0)
    epoch_axis(grid[0], table["epoch"])
    if styles:
        handles = [matplotlib.lines.Line2D([], [], **_line(styles[name]), linewidth=1.5) for name in names]
        entries = math.ceil(len(names) / legend_rows)
        figure.legend(handles, names, loc="outside lower center", ncols=entries, frameon=False, **LEGEND)
    heading(figure, source.title, lines)
    return figure


def _of_some_epochs(table: DataFrame) -> DataFrame:
    epochs = np.sort(table["epoch"].unique())
    return table[table["epoch"].isin(epochs[thinned(len(epochs), MOST_EPOCHS)])]


def _columns(layers: int) -> int:
    if layers == 4:
        return 2
    return min(layers, 3 if layers <= 9 else 4 if layers <= 16 else 5)


def _legend_rows(names: Sequence[str], width: float) -> int:
    font = 7.0
    entry = (LEGEND["handlelength"] + LEGEND["handletextpad"] + LEGEND["columnspacing"]) * font / 72
    entry += max(text_width(name, font) for name in names)
    return math.ceil(len(names) / max(1, int((width - 0.3) / entry)))


def _axes(grid: Sequence[Axes], layers: int, columns: int, score_name: str) -> None:
    for axes in grid[layers:]:
        axes.set_visible(False)
    for axes in grid[:layers:columns]:
        axes.set_ylabel(score_name)
    for axes in grid[max(0, layers - columns) : layers]:
        axes.set_xlabel("epoch")
        axes.tick_params(labelbottom=True)


def _line(style: DirectionStyle) -> dict[str, Any]:
    return {"color": style.colour, "dashes": style.dashes or (None, None)}


def _panel(axes: Axes, table: DataFrame, styles: dict[str, DirectionStyle] | None) -> None:
    """One layer; without styles, only what it keeps has colours, and is named here."""
    last = table[table["epoch"] == table["epoch"].max()]
    kept = list(dict.fromkeys(last["direction"][last["kept"] == 1]))
    own = styles or direction_styles(kept[:MOST_NAMED_IN_PANEL])
    if _shares(last):
        axes.axhline(1 / len(last), color=GREY, linewidth=0.6, linestyle=":")
    shown = _strongest(last, kept)
    for name, line in table[table["direction"].isin(shown)].groupby("direction", sort=False, observed=True):
        strong = name in kept
        axes.plot(
            line["epoch"],
            drawable(line["score"]),
            **(_line(own[str(name)]) if str(name) in own else {"color": GREY}),
            label=str(name) if styles is None and str(name) in own else None,
            marker="o" if len(line) == 1 else None,
            markersize=2.5,
            linewidth=1.5 if strong else 0.8,
            alpha=1.0 if strong else 0.4 if styles else 0.25,
            zorder=3 if strong else 2,
        )
    if styles is None and kept:
        axes.legend(
            loc="upper left", frameon=False, fontsize=5.5, handlelength=1.6, labelspacing=0.2, borderaxespad=0.1
        )


def _make_room(axes: Axes, names: int) -> None:
    """Room for so many names above the lines, in all panels: they share their axis."""
    low, high = axes.get_ylim()
    taken = min(0.8, (0.1 * names + 0.05) / (PANEL_HEIGHT - 0.4))
    axes.set_ylim(low, low + (high - low) / (1 - taken))


def _shares(last: DataFrame) -> bool:
    """Whether scores are shares of 1, so that there is such a thing as a uniform one."""
    values = drawable(last["score"])
    return bool((values >= 0).all()) and math.isclose(float(values.sum()), 1.0, abs_tol=1e-3)


def _strongest(last: DataFrame, kept: Sequence[str]) -> set[str]:
    """What is kept, and of the others those with the largest scores in the end, so many that a panel can show."""
    ranked = last.sort_values("score", ascending=False, kind="stable")["direction"]
    return set([*kept, *(name for name in ranked if name not in set(kept))][:MOST_LINES])


def _lines(table: DataFrame, drawn: DataFrame) -> list[str]:
    last = drawn[drawn["epoch"] == drawn["epoch"].max()]
    names = drawn["direction"].nunique()
    strong = "coloured" if names > MOST_NAMED else "strong"
    dotted = any(_shares(layer) for _, layer in last.groupby("layer"))
    most = int(last["layer"].value_counts().max())
    return [
        f"{strong} lines: kept at the end{'; dotted: uniform' if dotted else ''}",
        *(f"{line}, the strongest" for line in left_out_lines(MOST_LINES, most, "candidates of a layer")),
        *left_out_lines(drawn["epoch"].nunique(), table["epoch"].nunique(), "epochs"),
        *not_finite_lines(table, ["score"]),
    ]


def applies(source: RunSource) -> str | None:
    """It needs at least one finished epoch, candidates that ever differ, and at most ``MOST_LAYERS`` layers."""
    table = source.scores
    if table.empty:
        return "there is no finished epoch of a run to draw"
    if (count := table["layer"].nunique()) > MOST_LAYERS:
        return f"it shows at most {MOST_LAYERS} layers, but this run has {count:,}"
    scores = table.groupby(["epoch", "layer"])["score"]
    if (scores.max() == scores.min()).all():
        return "all candidates were alike in every epoch: this strategy has no alpha"
    return None


ALPHA = FigureSpec("alpha", RunSource, "scores of each layer's candidates over the epochs", draw, applies)
