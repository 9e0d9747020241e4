"""Probabilities of every layer's candidates over the epochs."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from scansearch.report import Report, ReportSource

COLUMNS = 3
HUES = ("#1f77b4", "#d95f02", "#1b9e77", "#7b3294", "#e7298a", "#a6761d", "#444444", "#66a61e")
"""One hue a base order; its flip is dashed."""


def draw(source: ReportSource) -> Figure:
    """One small panel a layer; the directions kept in the end are drawn strong."""
    table = source.table("scores.csv")
    assert table is not None
    layers = sorted(table["layer"].unique())
    columns = min(COLUMNS, len(layers))
    rows = math.ceil(len(layers) / columns)
    figure = Figure(figsize=(3.1 * columns, 2.1 * rows), layout="constrained")
    grid = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    names = list(dict.fromkeys(table["direction"]))
    bases = list(dict.fromkeys(name.removesuffix("_flip") for name in names))
    for axes, layer in zip(grid, layers, strict=False):
        part = table[table["layer"] == layer]
        last = part[part["epoch"] == part["epoch"].max()].set_index("direction")
        for name, line in part.groupby("direction", sort=False):
            kept = bool(last.loc[name, "kept"])
            axes.plot(
                line["epoch"],
                line["probability"],
                color=HUES[bases.index(str(name).removesuffix("_flip")) % len(HUES)],
                linestyle="--" if str(name).endswith("_flip") else "-",
                linewidth=1.7 if kept else 0.8,
                alpha=1.0 if kept else 0.4,
                label=str(name),
            )
        axes.axhline(1 / len(last), color="#999999", linewidth=0.6, linestyle=":")
        axes.set_title(f"layer {layer + 1}", loc="left", fontsize=8)
    for axes in grid[len(layers) :]:
        axes.set_visible(False)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(8, len(labels)), frameon=False, fontsize=8)
    for axes in grid[::columns]:
        axes.set_ylabel("probability")
    for axes in grid[max(0, len(layers) - columns) : len(layers)]:
        axes.set_xlabel("epoch")
    return figure


def applies(source: ReportSource) -> str | None:
    """It needs at least one finished epoch."""
    return None if source.table("scores.csv") is not None else "there is no finished epoch of a run to draw"


ALPHA = Report("alpha", "probabilities of each layer's candidates over the epochs", draw, applies)
