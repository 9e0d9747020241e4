"""How much scan orders say the same: a clustered matrix of all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from scansearch.figures.colours import GREY, blues, readable_on
from scansearch.figures.figure import FigureSpec
from scansearch.figures.plain_matplotlib import matplotlib
from scansearch.figures.scan_source import ScanSource
from scansearch.figures.style import (
    FACTS_SIZE,
    HEADING,
    MARGIN,
    NOTE_ROW,
    Note,
    draw_notes,
    heading,
    new_figure,
    note_rows,
    text_width,
)
from scansearch.registry import unknown_name
from scansearch.scans.locality import Relation, redundant, similarity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURES = {
    "tau": "|Kendall's τ|: 1 for the same order or its reverse, 0 for no correlation",
    "adjacency": "shared adjacency: the share of pairs of consecutive tokens that both orders have",
}
MARKS: dict[Relation, tuple[str, str]] = {
    "identical": ("=", "identical on this grid"),
    "reversed": ("⇄", "one is the other reversed"),
}
TREE, BAR = 0.62, 0.6  # inches: the dendrogram, the colour bar with its numbers
SMALLEST_WITH_NUMBERS = 0.24  # inches of a cell
MOST_ORDERS, MOST_TOKENS = 128, 500_000
NARROWEST = 3.6  # inches of the figure


@dataclass(frozen=True)
class Layout:
    """Where everything stands, in inches; names in points."""

    size: tuple[float, float]
    left: float
    bottom: float
    side: float
    cell: float
    names: float
    notes: list[list[Note]]

    @property
    def right(self) -> float:
        """Where the matrix ends and the dendrogram begins."""
        return self.left + self.side + 0.06


@dataclass(frozen=True)
class Clustered:
    """Orders in the sequence of their clusters.

    Args:
        names: N names.
        values: Similarities in that sequence, (N, N), 0 to 1.
        branches: The dendrogram: for each join four places along the orders, and four distances, both (N - 1, 4).
    """

    names: tuple[str, ...]
    values: np.ndarray
    branches: tuple[np.ndarray, np.ndarray]


def draw(source: ScanSource, *, measure: str = "tau") -> Figure:
    """Draws the matrix; orders that are alike stand together (average linkage, optimal leaf order).

    Args:
        source: At least two orders.
        measure: ``tau`` or ``adjacency``, see ``scansearch.scans.locality.similarity``.

    Raises:
        ScansearchError: If the measure or an order is unknown, or the grid is too large.
    """
    names, grid = source.names, source.grid
    if measure not in MEASURES:
        raise unknown_name("measure of similarity", measure, list(MEASURES))
    tau, adjacency = similarity(names, *grid)
    found = cluster(names, np.abs(tau) if measure == "tau" else adjacency)
    relations = {frozenset((a, b)): how for a, b, how in redundant(names, *grid)}
    layout = _lay_out(names, _notes(set(relations.values())))
    figure = new_figure(*layout.size)
    _matrix(figure, layout, found)
    _marks(figure.axes[0], found, relations, layout.cell)
    _tree(figure, layout, found)
    _colour_bar(figure, layout)
    heading(figure, f"{len(names)} scan orders on {grid[0]} × {grid[1]} tokens: similarity", [MEASURES[measure]])
    draw_notes(figure, layout.notes, MARGIN)
    return figure


def cluster(names: Sequence[str], values: np.ndarray) -> Clustered:
    """Sorts a similarity matrix (N, N) of 0 to 1 so that what is alike stands together; N at least 2."""
    from scipy.cluster.hierarchy import dendrogram, linkage
    from scipy.spatial.distance import squareform

    distances = squareform(np.clip(1 - values, 0, None), checks=False)
    tree = dendrogram(linkage(distances, "average", optimal_ordering=True), no_plot=True)
    order = tree["leaves"]
    # scipy's leaves stand 10 apart, the first at 5.
    branches = np.array(tree["icoord"]) / 10 - 0.5, np.array(tree["dcoord"])
    return Clustered(tuple(names[i] for i in order), values[np.ix_(order, order)], branches)


def _lay_out(names: Sequence[str], notes: list[Note]) -> Layout:
    cell = min(max(6.0 / len(names), 0.125), 0.34)
    points, side = min(6.5, cell * 52), cell * len(names)
    label = max(text_width(name, points) for name in names) + 0.14
    width = max(label + side + 0.06 + TREE + BAR, NARROWEST)
    rows = note_rows(notes, width - MARGIN)
    bottom = 0.1 + NOTE_ROW * len(rows)
    return Layout((width, HEADING + label + side + bottom), label, bottom, side, cell, points, rows)


def _axes(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    width, height = figure.get_size_inches()
    axes = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, pad=2)
    return axes


def _matrix(figure: Figure, layout: Layout, found: Clustered) -> None:
    axes = _axes(figure, (layout.left, layout.bottom, layout.side, layout.side))
    count = len(found.names)
    edges = np.arange(count + 1) - 0.5
    axes.pcolormesh(edges, edges, found.values, cmap=blues(), vmin=0, vmax=1, edgecolors="white", linewidth=0.4)
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5))
    axes.set_yticks(range(count), labels=found.names, fontsize=layout.names)
    axes.set_xticks(range(count), labels=found.names, fontsize=layout.names, rotation=90)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=2)


def _marks(axes: Axes, found: Clustered, relations: dict[frozenset[str], Relation], cell: float) -> None:
    """Signs where a pair is redundant, and elsewhere the numbers, if there is room for them."""
    colours = blues()(found.values)  # (N, N, 4)
    for row, column in permutations(range(len(found.names)), 2):
        how = relations.get(frozenset((found.names[row], found.names[column])))
        if how is None and cell < SMALLEST_WITH_NUMBERS:
            continue
        # Only redundant pairs have 1.
        text = MARKS[how][0] if how else f"{min(found.values[row, column], 0.99):.2f}".removeprefix("0")
        axes.text(
            column, row, text, ha="center", va="center_baseline", color=readable_on(colours[row, column, :3]),
            fontsize=min(7.0, cell * 48) if how else min(5.2, cell * 19), fontweight="bold" if how else "normal",
        )  # fmt: skip


def _tree(figure: Figure, layout: Layout, found: Clustered) -> None:
    axes = _axes(figure, (layout.right, layout.bottom, TREE, layout.side))
    places, distances = found.branches
    axes.add_collection(
        matplotlib.collections.LineCollection(list(np.stack([distances, places], axis=2)), colors=GREY, linewidths=0.7)
    )
    axes.set(xlim=(-0.01, max(float(distances.max()), 0.05) * 1.02), ylim=(len(found.names) - 0.5, -0.5))
    axes.set(xticks=[], yticks=[])


def _colour_bar(figure: Figure, layout: Layout) -> None:
    tall = min(layout.side, 1.4)
    axes = _axes(figure, (layout.right + TREE + 0.1, layout.bottom + layout.side - tall, 0.075, tall))
    bar = figure.colorbar(
        matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, 1), blues()), cax=axes, ticks=[0, 0.5, 1]
    )
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, pad=2, labelsize=FACTS_SIZE)


def _notes(there: set[Relation]) -> list[Note]:
    return [Note(mark, text, GREY) for how, (mark, text) in MARKS.items() if how in there]


def applies(source: ScanSource) -> str | None:
    """It needs two orders or more, and not more than can be compared."""
    count = len(source.names)
    if count < 2:
        return f"a similarity is that of at least two different scan orders, but got {count}"
    if count > MOST_ORDERS:
        return f"a similarity is that of at most {MOST_ORDERS} scan orders, but got {count:,}; name fewer"
    return source.too_large(MOST_TOKENS, "a similarity")


SIMILARITY = FigureSpec(
    "similarity", ScanSource, "how much orders say the same, pair by pair, clustered", draw, applies
)
