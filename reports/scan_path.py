"""The path of one scan order over the token grid, coloured by time, with its measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scansearch.figures.colours import GREY, INK
from scansearch.figures.figure import FigureSpec
from scansearch.figures.plain_matplotlib import matplotlib
from scansearch.figures.scan_paths import draw_path, path_axes, path_ends, percent, time_colours
from scansearch.figures.scan_source import ScanSource
from scansearch.figures.style import HEADING, NOTE_ROW, Note, draw_notes, heading, new_figure, note_rows
from scansearch.scans import ScanOrder
from scansearch.scans.locality import Locality, measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDEST, TALLEST, LARGEST_CELL = 3.9, 4.6, 0.38  # inches: the grid, and a cell
LEFT, TOP, BELOW, BAR_ROOM = 0.46, HEADING + 0.06, 0.36, 0.62  # inches around it
NARROWEST = 3.3  # inches of the whole figure


def draw(source: ScanSource) -> Figure:
    """Draws one order.

    Raises:
        ScansearchError: If the order cannot be measured on this grid.
    """
    (name,), (height, width) = source.names, source.grid
    cell = min(WIDEST / width, TALLEST / height, LARGEST_CELL)
    total = max(LEFT + width * cell + BAR_ROOM, NARROWEST)
    notes = note_rows(_notes(measure(name, height, width)), total - LEFT)
    bottom = BELOW + 0.06 + NOTE_ROW * len(notes)
    figure = new_figure(total, TOP + height * cell + bottom)
    axes = path_axes(figure, (LEFT, bottom, width * cell, height * cell), source.grid)
    draw_path(axes, ScanOrder(name).indices(height, width).numpy(), source.grid, cell)
    _ticks(axes)
    _colour_bar(figure, (LEFT + width * cell + 0.14, bottom), height * cell, height * width)
    heading(figure, name, [f"{ScanOrder(name).family.name} · {height} × {width} tokens"], LEFT)
    draw_notes(figure, notes, LEFT)
    return figure


def _ticks(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(matplotlib.ticker.MaxNLocator(nbins=8, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.tick_params(length=0, pad=2, labelsize=6)
    axes.set_xlabel("column", labelpad=2)
    axes.set_ylabel("row", labelpad=3)


def _colour_bar(figure: Figure, corner: tuple[float, float], tall: float, tokens: int) -> None:
    width, height = figure.get_size_inches()
    left, length = corner[0], max(0.4, min(tall, 1.6))  # beside a flat grid it reaches below
    bottom = corner[1] + tall - length
    if tokens == 1:
        return
    box = (left / width, bottom / height, 0.075 / width, (length - 0.12) / height)
    bar = figure.colorbar(
        matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, tokens - 1), time_colours()),
        cax=figure.add_axes(box),
    )
    bar.outline.set_visible(False)
    bar.ax.invert_yaxis()  # time runs down, as the rows do
    count = min(tokens, 5 if length > 0.9 else 2)
    bar.set_ticks(sorted({round(place) for place in np.linspace(0, tokens - 1, count)}))
    bar.ax.tick_params(length=0, pad=2, labelsize=5.5)
    figure.text(left / width, (bottom + length) / height, "visited at", va="top", fontsize=5.5, color=GREY)


def _notes(found: Locality) -> list[Note]:
    notes = [*path_ends(), Note("━", f"unit steps: {percent(found.unit_steps, 1)}", INK)]
    if found.unit_steps < 1:
        notes.append(Note("─", f"jumps, the longest {found.largest_step}", GREY))
    return [
        *notes,
        Note("→", f"mean step {found.mean_step:.2f}", INK),
        Note("↔", f"neighbours {found.mean_neighbour_distance:.1f} apart, at most {found.bandwidth}", INK),
        Note("≈", f"distortion {found.structural_distortion:.2f}", INK),
    ]


def applies(source: ScanSource) -> str | None:
    """It is of one order."""
    count = len(source.names)
    return None if count == 1 else f"a path is that of one scan order, but got {count}; draw them one by one"


PATH = FigureSpec("path", ScanSource, "one order over the grid, coloured by time, with its measures", draw, applies)
