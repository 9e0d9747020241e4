"""Which classes a trained network takes for which, on test images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scansearch.figures.colours import blues, readable_on
from scansearch.figures.drawable import percent_text
from scansearch.figures.figure import FigureSpec
from scansearch.figures.plain_matplotlib import matplotlib
from scansearch.figures.sources import RunSource
from scansearch.figures.style import MARGIN, heading, heading_height, lay_out_below_heading, new_figure, shorten
from scansearch.runs.evaluation_json import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CLASSES = 2000
NAMED, COUNTED = 40, 20
"""Classes up to which each has its name, and each cell its number."""
SIDE, LEAST = 4.6, 2.6  # inches of the figure's width
NAME_WIDTH = 0.9  # inches
TEXT = 5.0  # points


def draw(source: RunSource) -> Figure:
    """A row for each class: what share of its images, or pixels, is taken for which class; of the latest evaluation."""
    found = source.evaluations[-1]
    count = len(found.classes)
    width = min(SIDE, max(LEAST, 1.2 + 0.3 * count))
    lines = source.heading_lines(_lines(found), width - 2 * MARGIN)
    figure = new_figure(width, width + heading_height(lines))
    lay_out_below_heading(figure, heading_height(lines))
    axes, counts = figure.subplots(), matrix(found)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=blues(), vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    axes.set_anchor("N")  # of what is left over, above the axes would leave too little below for the names
    axes.set_xlabel("predicted")
    axes.set_ylabel("class")
    axes.spines[:].set_visible(False)
    _label(axes, found)
    if count <= COUNTED:
        _write(axes, counts, shares)
    heading(figure, source.title, lines)
    return figure


def matrix(found: Evaluation) -> np.ndarray:
    """Images, or pixels, of class i that are taken for class j, int64 (classes, classes)."""
    counts = np.zeros((len(found.classes), len(found.classes)), dtype=np.int64)
    for true, predicted, images in found.confusions:
        counts[true, predicted] = images
    return counts


def _label(axes: Axes, found: Evaluation) -> None:
    if len(found.classes) > NAMED:
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        return
    names = [shorten(part.name, NAME_WIDTH, TEXT) for part in found.classes]
    places = range(len(names))
    axes.set_xticks(places, names, rotation=90, fontsize=TEXT)
    axes.set_yticks(places, names, fontsize=TEXT)
    axes.tick_params(length=0)


def _write(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    colour = blues()
    for row, column in zip(*np.nonzero(counts), strict=True):
        shade = readable_on(colour(shares[row, column]))
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=TEXT, color=shade)


def _lines(found: Evaluation) -> list[str]:
    return [
        f"{found.images:,} test images of {found.data}",
        f"{'top-1' if found.mean_iou is None else 'pixels right'} {percent_text(found.top1)}",
        *([] if found.mean_iou is None else [f"mean IoU {percent_text(found.mean_iou)}"]),
        *([] if found.top5 is None else [f"top-5 {percent_text(found.top5)}"]),
        f"calibration error {found.ece:.3f}",
    ]


def applies(source: RunSource) -> str | None:
    """It needs a training that was evaluated, of not too many classes."""
    if not source.evaluations:
        return "no trained network was evaluated here (`scansearch evaluate` does that)"
    found = source.evaluations[-1]
    if len(found.classes) > MOST_CLASSES:
        return f"at most {MOST_CLASSES:,} classes can be seen, but there are {len(found.classes):,}"
    outside = max(max(true, predicted) for true, predicted, _ in found.confusions) if found.confusions else 0
    return "its evaluation.json names classes that it does not have" if outside >= len(found.classes) else None


CONFUSION = FigureSpec("confusion", RunSource, "which classes a trained network takes for which", draw, applies)
