"""Probabilities of every layer's candidates over the epochs."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from scansearch.figures import GREY, DirectionStyle, direction_styles, new_figure
from scansearch.report import Report, ReportSource

COLUMNS = 3
PANEL = (2.35, 1.5)  # inches


def draw(source: ReportSource) -> Figure:
    """One small panel a layer; the directions kept in the end are drawn strong, a flip is dashed."""
    table = source.scores
    layers = sorted(table["layer"].unique())
    columns = min(COLUMNS, len(layers))
    rows = math.ceil(len(layers) / columns)
    names = list(dict.fromkeys(table["direction"]))
    styles = direction_styles(names)
    figure = new_figure(PANEL[0] * columns, PANEL[1] * rows + 0.75)
    figure.set_layout_engine("constrained")
    grid = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    for axes, layer in zip(grid, layers, strict=False):
        _panel(axes, table[table["layer"] == layer], styles)
        axes.set_title(f"layer {layer + 1}", loc="left")
    for axes in grid[len(layers) :]:
        axes.set_visible(False)
    for axes in grid[::columns]:
        axes.set_ylabel("probability")
    for axes in grid[max(0, len(layers) - columns) : len(layers)]:
        axes.set_xlabel("epoch")
        axes.tick_params(labelbottom=True)
    handles, labels = grid[0].get_legend_handles_labels()
    for handle in handles:
        handle.set_alpha(1.0)
    figure.legend(handles, labels, loc="outside lower center", ncols=min(8, len(labels)), frameon=False)
    figure.suptitle(source.title, x=0.01, ha="left", weight="bold", fontsize=9)
    return figure


def _panel(axes: Axes, table: DataFrame, styles: dict[str, DirectionStyle]) -> None:
    last = table[table["epoch"] == table["epoch"].max()].set_index("direction")
    axes.axhline(1 / len(last), color=GREY, linewidth=0.5, linestyle=":")
    for name, line in table.groupby("direction", sort=False):
        style, kept = styles[str(name)], bool(last.loc[name, "kept"])
        axes.plot(
            line["epoch"],
            line["probability"],
            color=style.colour,
            dashes=style.dashes or (None, None),
            marker="o" if len(line) == 1 else None,
            markersize=2.5,
            linewidth=1.5 if kept else 0.8,
            alpha=1.0 if kept else 0.4,
            label=str(name),
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def applies(source: ReportSource) -> str | None:
    """It needs at least one finished epoch."""
    return "there is no finished epoch of a run to draw" if source.scores.empty else None


ALPHA = Report("alpha", "probabilities of each layer's candidates over the epochs", draw, applies)
