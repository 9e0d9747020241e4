"""Loss and accuracy over the epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scansearch.figures.colours import GREY
from scansearch.figures.drawable import drawable, left_out_lines, not_finite_lines, percent_text, thinned
from scansearch.figures.facts import SearchFacts
from scansearch.figures.figure import FigureSpec
from scansearch.figures.sources import RunSource
from scansearch.figures.style import MARGIN, epoch_axis, heading, heading_height, lay_out_below_heading, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

VALIDATION, MEAN_IOU = "#0f4c81", "#2a9d78"
PARTS = {"train": GREY, "val": VALIDATION}
MOST_EPOCHS = 2000
WIDTH, HEIGHT = 6.4, 2.18  # inches below the heading


def draw(source: RunSource) -> Figure:
    """Loss left, accuracy right; training grey, validation blue, mean IoU green. Of very many epochs, evenly spaced ones."""
    whole = source.metrics
    table = whole.iloc[thinned(len(whole), MOST_EPOCHS)]
    lines = source.heading_lines(_lines(whole, len(table), source.facts), WIDTH - 2 * MARGIN)
    figure = new_figure(WIDTH, HEIGHT + heading_height(lines))
    lay_out_below_heading(figure, heading_height(lines))
    names = {"train": _training(source.facts), "val": "validation"}
    for axes, what, unit in zip(figure.subplots(1, 2), ("loss", "accuracy"), ("", " (%)"), strict=True):
        for key, colour in PARTS.items():
            values = drawable(table[f"{key}_{what}"]) * (100 if unit else 1)
            _line(axes, table, values, colour, names[key])
        if unit and _of_pixels(table):
            _line(axes, table, drawable(table["worth"]) * 100, MEAN_IOU, "validation, mean IoU")
            axes.legend(frameon=False)
        epoch_axis(axes, table["epoch"])
        axes.set_xlabel("epoch")
        axes.set_ylabel(what + unit)
    figure.axes[0].legend(frameon=False)
    heading(figure, source.title, lines)
    return figure


def _line(axes: Axes, table: DataFrame, values: np.ndarray, colour: str, name: str) -> None:
    axes.plot(table["epoch"], values, color=colour, marker="o" if len(table) == 1 else None, markersize=3, label=name)


def _of_pixels(table: DataFrame) -> bool:
    """Whether networks were ranked by their mean IoU."""
    return bool(table["measure"].iloc[-1] == "mean_iou")


def _training(facts: SearchFacts) -> str:
    return "training (augmented images)" if facts.augmented else "training"


def _lines(table: DataFrame, shown: int, facts: SearchFacts) -> list[str]:
    last = table.iloc[-1]
    epochs = int(last["epoch"])
    columns = [f"{key}_{what}" for key in PARTS for what in ("loss", "accuracy")]
    worth = f"accuracy {percent_text(last['val_accuracy'])}"
    if _of_pixels(table):
        columns.append("worth")
        worth = f"mean IoU {percent_text(last['worth'])}"
    lifted = [f"label smoothing {facts.label_smoothing:g}"] if facts.label_smoothing else []
    lifted += facts.mixed
    return [
        f"validation {worth} after {epochs} epoch{'s' * (epochs != 1)}",
        *([f"{' and '.join(lifted)} lift{'s' * (len(lifted) == 1)} the training loss only"] if lifted else []),
        *left_out_lines(shown, len(table), "epochs"),
        *not_finite_lines(table, columns),
    ]


def applies(source: RunSource) -> str | None:
    """It needs at least one finished epoch."""
    return "there is no finished epoch of a run to draw" if source.metrics.empty else None


CURVES = FigureSpec("curves", RunSource, "loss and accuracy over the epochs", draw, applies)
