"""A grid of cells on paper: layers across, rows down, with gaps between stages and between groups of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from scansearch.figures.plain_matplotlib import matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle


GROUP_GAP, STAGE_GAP = 0.22, 0.45  # cells
GAP = 0.0105  # inches that a cell leaves free on each side
PAGE, WIDEST, NARROWEST = 6.0, 0.42, 0.19  # inches: all columns together, a column
TALL, TALLEST, FLATTEST = 3.2, 0.26, 0.095  # inches: all rows together, a row


@dataclass(frozen=True)
class CellGrid:
    """Where cells stand.

    Args:
        x: Left sides of the columns, in cells.
        y: Upper sides of the rows, in cells, downwards.
        cell: Width and height of a cell in inches.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    cell: tuple[float, float]

    @classmethod
    def of(cls, stages: Sequence[int], groups: Sequence[int]) -> CellGrid:
        """Cells as large as the width of a page allows.

        Args:
            stages: A number for each column; where it changes there is a gap.
            groups: The same for each row.
        """
        cell = (
            min(max(PAGE / len(stages), NARROWEST), WIDEST),
            min(max(TALL / len(groups), FLATTEST), TALLEST),
        )
        return cls(_places(stages, STAGE_GAP), _places(groups, GROUP_GAP), cell)

    @property
    def extent(self) -> tuple[float, float]:
        """Columns and rows, gaps included."""
        return self.x[-1] + 1, self.y[-1] + 1

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        return self.extent[0] * self.cell[0], self.extent[1] * self.cell[1]

    def axes(self, figure: Figure, left: float, bottom: float) -> Axes:
        """Axes in units of cells, their lower left corner at these inches."""
        width, height = figure.get_size_inches()
        wide, tall = self.size
        axes = figure.add_axes((left / width, bottom / height, wide / width, tall / height))
        axes.set(xlim=(0, self.extent[0]), ylim=(self.extent[1], 0))
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, pad=3)
        return axes

    def box(self, column: int, row: int, grow: float = 0.0) -> Rectangle:
        """A cell, by so many inches larger on each side than it is."""
        # The gap between cells is the same in inches both ways, whatever their shape.
        dx, dy = ((GAP - grow) / side for side in self.cell)
        return matplotlib.patches.Rectangle((self.x[column] + dx, self.y[row] + dy), 1 - 2 * dx, 1 - 2 * dy)

    def centre(self, column: int, row: int) -> tuple[float, float]:
        """Middle of a cell."""
        return self.x[column] + 0.5, self.y[row] + 0.5


def _places(groups: Sequence[int], gap: float) -> tuple[float, ...]:
    places = [0.0]
    for before, after in pairwise(groups):
        places.append(places[-1] + 1 + gap * (before != after))
    return tuple(places)
