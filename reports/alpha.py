"""Probabilities of every layer's candidates over the epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from scansearch.figures import (
    GREY,
    HEADING,
    DirectionStyle,
    direction_styles,
    epoch_axis,
    heading,
    lay_out_below_heading,
    new_figure,
    text_width,
)
from scansearch.report import Report, ReportSource

MOST_NAMED = 16
"""Candidates up to which one legend names them all; beyond, every panel names what it keeps."""
WIDTH, PANEL_HEIGHT, LEGEND_ROW = 7.0, 1.5, 0.16  # inches
LEGEND: dict[str, Any] = {"handlelength": 2.2, "handletextpad": 0.5, "columnspacing": 1.4}  # in font sizes


def draw(source: ReportSource) -> Figure:
    """One small panel a layer; the directions kept in the end are drawn strong, a flip is dashed."""
    table = source.scores
    layers = sorted(table["layer"].unique())
    names = list(dict.fromkeys(table["direction"]))
    styles = direction_styles(names)
    columns = _columns(len(layers))
    width = WIDTH * max(columns, 2) / max(columns, 3)
    many = len(names) > MOST_NAMED
    rows, legend_rows = math.ceil(len(layers) / columns), 0 if many else _legend_rows(names, width)
    height = HEADING + PANEL_HEIGHT * rows + LEGEND_ROW * legend_rows + 0.25
    figure = new_figure(width, height)
    lay_out_below_heading(figure)
    grid = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    for axes, layer in zip(grid, layers, strict=False):
        _panel(axes, table[table["layer"] == layer], None if many else styles)
        axes.set_title(f"layer {int(layer) + 1}", loc="left")
    _axes(list(grid), len(layers), columns)
    epoch_axis(grid[0], table["epoch"])
    if not many:
        lines = [Line2D([], [], **_line(styles[name]), linewidth=1.5) for name in names]
        entries = math.ceil(len(names) / legend_rows)
        figure.legend(lines, names, loc="outside lower center", ncols=entries, frameon=False, **LEGEND)
    strong = "coloured" if many else "strong"
    heading(figure, source.title, f"{strong} lines: kept at the end; dotted: uniform")
    return figure


def _columns(layers: int) -> int:
    if layers == 4:
        return 2
    return min(layers, 3 if layers <= 9 else 4 if layers <= 16 else 5)


def _legend_rows(names: Sequence[str], width: float) -> int:
    font = 7.0
    entry = (LEGEND["handlelength"] + LEGEND["handletextpad"] + LEGEND["columnspacing"]) * font / 72
    entry += max(text_width(name, font) for name in names)
    return math.ceil(len(names) / max(1, int((width - 0.3) / entry)))


def _axes(grid: Sequence[Axes], layers: int, columns: int) -> None:
    grid[0].set_ylim(bottom=0)
    for axes in grid[layers:]:
        axes.set_visible(False)
    for axes in grid[::columns]:
        axes.set_ylabel("probability")
    for axes in grid[max(0, layers - columns) : layers]:
        axes.set_xlabel("epoch")
        axes.tick_params(labelbottom=True)


def _line(style: DirectionStyle) -> dict[str, Any]:
    return {"color": style.colour, "dashes": style.dashes or (None, None)}


def _panel(axes: Axes, table: DataFrame, styles: dict[str, DirectionStyle] | None) -> None:
    """One layer; without styles, only what it keeps has colours, and is named here."""
    last = table[table["epoch"] == table["epoch"].max()]
    kept = set(last["direction"][last["kept"] == 1])
    own = styles or direction_styles(list(dict.fromkeys(last["direction"][last["kept"] == 1])))
    axes.axhline(1 / len(last), color=GREY, linewidth=0.6, linestyle=":")
    for name, line in table.groupby("direction", sort=False):
        strong = name in kept
        axes.plot(
            line["epoch"],
            line["probability"],
            **(_line(own[str(name)]) if str(name) in own else {"color": GREY}),
            label=str(name) if strong and styles is None else None,
            marker="o" if len(line) == 1 else None,
            markersize=2.5,
            linewidth=1.5 if strong else 0.8,
            alpha=1.0 if strong else 0.4 if styles else 0.25,
            zorder=3 if strong else 2,
        )
    if styles is None:
        axes.margins(y=0.12)
        axes.legend(
            loc="upper left", frameon=False, fontsize=5.5, handlelength=1.6, labelspacing=0.2, borderaxespad=0.1
        )


def applies(source: ReportSource) -> str | None:
    """It needs at least one finished epoch, and candidates that ever differ."""
    table = source.scores
    if table.empty:
        return "there is no finished epoch of a run to draw"
    if (table.groupby(["epoch", "layer"])["probability"].nunique() == 1).all():
        return "all candidates were alike in every epoch: this strategy has no alpha"
    return None


ALPHA = Report("alpha", "probabilities of each layer's candidates over the epochs", draw, applies)
