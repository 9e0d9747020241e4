"""The catalogue of scan orders on one page: small paths, grouped by family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from scansearch.errors import ScansearchError
from scansearch.figures.colours import GREY, INK
from scansearch.figures.figure import FigureSpec
from scansearch.figures.plain_matplotlib import matplotlib
from scansearch.figures.scan_paths import draw_path, path_axes, path_ends, percent
from scansearch.figures.scan_source import ScanSource
from scansearch.figures.style import HEADING, Note, draw_notes, heading, new_figure, note_rows, shorten, text_width
from scansearch.scans import ScanOrder
from scansearch.scans.locality import measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

A4 = (10.9, 7.48)  # inches: the page without a margin of 1 cm
EDGE = 0.1  # inches
GAP, FAMILY_GAP, ROW_GAP = 0.12, 0.28, 0.1  # inches between panels, families and rows
ABOVE, BELOW = HEADING + 0.02, 0.2  # inches of the heading and of the legend
NARROWEST = 3.4  # inches of the figure
FAMILY_LINE, NAME_LINE, FACT_LINE = 0.19, 0.13, 0.1  # inches: above a row of panels, and two lines below it
NAME_SIZE, SMALL_NAME, FACT_SIZE = 5.8, 4.6, 4.8  # points
NARROW = 0.6  # inches that a panel takes at least, for its name
LARGEST, SMALLEST = 1.7, 0.3  # inches of a panel's longer side

MOST_TOKENS = 150_000

Row = list[tuple[str, list[str]]]  # families, each with its panels of this row


class Panels(NamedTuple):
    """How the panels lie, in inches: the figure's size, a cell's side, and from one panel to the next."""

    size: tuple[float, float]
    cell: float
    pitch: float
    rows: list[Row]


def draw(source: ScanSource) -> Figure:
    """Draws all orders on one A4 page, landscape or portrait, whichever gives larger panels; those of a family together.

    Raises:
        ScansearchError: If there are more than fit on a page, or an order cannot be measured.
    """
    names, grid = source.names, source.grid
    layout = _lay_out(_families(names), grid)
    figure = new_figure(*layout.size)
    top = ABOVE
    for row in layout.rows:
        left = EDGE
        for family, members in row:
            _family(figure, family, left, top, layout.pitch * len(members) - GAP)
            for name in members:
                _panel(figure, name, grid, layout, left, top + FAMILY_LINE)
                left += layout.pitch
            left += FAMILY_GAP - GAP
        top += _row_height(layout.cell * grid[0])
    count = sum(len(members) for row in layout.rows for _, members in row)
    facts = f"{count} order{'s' * (count != 1)} on {grid[0]} × {grid[1]} tokens, coloured by time"
    heading(figure, "Scan orders", [facts], EDGE)
    draw_notes(figure, note_rows(_legend(names, grid), layout.size[0] - EDGE), EDGE)
    return figure


def _families(names: Sequence[str]) -> Row:
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(ScanOrder(name).family.name, []).append(name)
    return list(families.items())


def _lay_out(families: Row, grid: tuple[int, int]) -> Panels:
    """The largest panels with which all of them go on the page, whichever way it is held."""
    for side in np.arange(LARGEST, SMALLEST, -0.01):
        fitting = [panels for page in (A4, A4[::-1]) if (panels := _fit(families, grid, page, side / max(grid)))]
        if fitting and families:
            return min(fitting, key=lambda panels: panels.size[0] * panels.size[1])
    raise ScansearchError(
        f"a gallery shows at least one scan order and as many as fit on a page, but got "
        f"{sum(len(members) for _, members in families)}; draw fewer"
    )


def _fit(families: Row, grid: tuple[int, int], page: tuple[float, float], cell: float) -> Panels | None:
    pitch = max(cell * grid[1], NARROW) + GAP
    rows = _flow(families, pitch, page[0] - 2 * EDGE)
    height = ABOVE + len(rows) * _row_height(cell * grid[0]) + BELOW
    width = 2 * EDGE + max(_width(row, pitch) for row in rows) if rows else 0.0
    return Panels((max(width, NARROWEST), height), cell, pitch, rows) if height <= page[1] else None


def _flow(families: Row, pitch: float, room: float) -> list[Row]:
    """Each family in the first row that has room for it; one that is wider than the page takes rows of its own."""
    rows: list[Row] = []
    columns = int((room + GAP) / pitch)
    for family, members in families:
        for start in range(0, len(members), columns):
            part = (family, members[start : start + columns])
            row = next((row for row in rows if _width([*row, part], pitch) <= room), None)
            if row is None or start:
                rows.append([part])
            else:
                row.append(part)
    return rows


def _width(row: Row, pitch: float) -> float:
    return sum(len(members) * pitch - GAP for _, members in row) + FAMILY_GAP * (len(row) - 1)


def _row_height(panel: float) -> float:
    return FAMILY_LINE + panel + NAME_LINE + FACT_LINE + ROW_GAP


def _family(figure: Figure, family: str, left: float, top: float, wide: float) -> None:
    width, height = figure.get_size_inches()
    y = 1 - (top + 0.12) / height
    figure.text(left / width, y + 0.03 / height, family, va="bottom", fontsize=7, fontweight="bold", color=INK)
    figure.add_artist(matplotlib.lines.Line2D([left / width, (left + wide) / width], [y, y], color=GREY, linewidth=0.5))


def _panel(figure: Figure, name: str, grid: tuple[int, int], layout: Panels, left: float, top: float) -> None:
    width, height = figure.get_size_inches()
    wide, tall = layout.cell * grid[1], layout.cell * grid[0]
    axes = path_axes(figure, (left, height - top - tall, wide, tall), grid)
    axes.set(xticks=[], yticks=[])
    draw_path(axes, ScanOrder(name).indices(*grid).numpy(), grid, layout.cell)
    below, room = top + tall + 0.03, layout.pitch - 0.05
    size = max(SMALL_NAME, min(NAME_SIZE, NAME_SIZE * room / text_width(name, NAME_SIZE)))
    unit = f"{percent(measure(name, *grid).unit_steps)} unit steps"
    for text, points, colour, y in ((name, size, INK, below), (unit, FACT_SIZE, GREY, below + NAME_LINE - 0.02)):
        figure.text(left / width, 1 - y / height, shorten(text, room, points), va="top", fontsize=points, color=colour)


def _legend(names: Sequence[str], grid: tuple[int, int]) -> list[Note]:
    """Only what some path has."""
    points = [np.divmod(ScanOrder(name).indices(*grid).numpy(), grid[1]) for name in names]
    steps = np.concatenate([np.abs(np.diff(rows)) + np.abs(np.diff(columns)) for rows, columns in points])
    notes = path_ends()
    if (steps == 1).any():
        notes.append(Note("━", "unit step, to a neighbour on the grid", INK))
    if (steps > 1).any():
        notes.append(Note("─", "jump, the lighter the longer", GREY))
    return notes


def applies(source: ScanSource) -> str | None:
    """It is of not too many tokens."""
    return source.too_large(MOST_TOKENS, "a gallery")


GALLERY = FigureSpec("gallery", ScanSource, "many orders on one page, grouped by family", draw, applies)
