"""How the path of a scan order over a grid looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scansearch.figures.plain_matplotlib import matplotlib
from scansearch.figures.style import Note

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

UNIT, JUMP = 0.2, 0.06  # widths of lines, as shares of a cell


def percent(share: float, decimals: int = 0) -> str:
    """A share from 0 to 1 as ``93.3 %``; it says 100 only where nothing is missing."""
    shown = 100.0 if share == 1 else min(100 * share, 100 - 10.0**-decimals)
    return f"{shown:.{decimals}f} %"


def time_colours() -> ListedColormap:
    """From deep blue over magenta to orange, lightness rising all the way: plasma without its end, which white swallows."""
    return matplotlib.colors.ListedColormap(
        matplotlib.colormaps["plasma"](np.linspace(0.0, 0.8, 256)), name="scansearch_time"
    )


def path_ends() -> list[Note]:
    """What the marks at the ends of a path mean."""
    return [
        Note(mark, text, matplotlib.colors.to_hex(time_colours()(end)))
        for mark, text, end in (("○", "start", 0.0), ("□", "end", 1.0))
    ]


def path_axes(figure: Figure, box: tuple[float, float, float, float], grid: tuple[int, int]) -> Axes:
    """Axes of an H x W grid of square cells: x is the column, y the row, downwards.

    Args:
        figure: Where they are added.
        box: Left, bottom, width and height in inches.
        grid: Rows and columns.
    """
    wide, tall = figure.get_size_inches()
    axes = figure.add_axes((box[0] / wide, box[1] / tall, box[2] / wide, box[3] / tall))
    axes.set(xlim=(-0.5, grid[1] - 0.5), ylim=(grid[0] - 0.5, -0.5))
    axes.spines[:].set_visible(False)
    return axes


def draw_path(axes: Axes, visited: np.ndarray, grid: tuple[int, int], cell: float) -> None:
    """Draws a visiting order, coloured by time: unit steps thick, jumps thin and the lighter the longer.

    Args:
        axes: Axes made by ``path_axes``.
        visited: Visiting order, int64 (H*W,).
        grid: Rows and columns.
        cell: Side of a cell in inches.
    """
    rows, cols = np.divmod(visited, grid[1])
    points = np.stack([cols, rows], axis=1)  # (L, 2)
    colours = time_colours()(np.linspace(0, 1, len(visited)))  # (L, 4)
    segments, lengths = np.stack([points[:-1], points[1:]], axis=1), np.abs(np.diff(points, axis=0)).sum(1)
    lines = colours[:-1].copy()
    lines[lengths > 1, 3] = np.maximum(0.22, 1.2 / lengths[lengths > 1])
    unit, jump = min(4.2, UNIT * cell * 72), max(0.35, min(0.9, JUMP * cell * 72))
    for which, thickness, order in ((lengths > 1, jump, 1), (lengths == 1, unit, 2)):
        axes.add_collection(
            matplotlib.collections.LineCollection(
                list(segments[which]), colors=lines[which], linewidths=thickness, capstyle="round", zorder=order
            )
        )
    axes.scatter(cols, rows, s=(1.5 * unit) ** 2, c=colours, linewidths=0, zorder=3)
    for end, marker in ((-1, "s"), (0, "o")):
        axes.scatter(
            cols[end], rows[end], s=max(2.2, 2.3 * unit) ** 2, marker=marker, facecolors=["white"], edgecolors=[colours[end]],
            linewidths=max(0.5, 0.45 * unit), zorder=4, clip_on=False,
        )  # fmt: skip
