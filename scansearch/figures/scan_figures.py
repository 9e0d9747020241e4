"""Scan figures: pictures of scan orders on a grid. Each is a plug-in that draws one matplotlib figure.

What several of them share stands here too: how a path over a grid looks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scansearch.errors import ScansearchError
from scansearch.outputs import place
from scansearch.registry import SCAN_FIGURES, SCAN_ORDERS
from scansearch.scans import ScanOrder, Symmetry
from scansearch.scans.locality import relation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    from scansearch.figures.style import Note

UNIT, JUMP = 0.2, 0.06  # widths of lines, as shares of a cell


@dataclass(frozen=True)
class ScanFigure:
    """A picture of scan orders. Packages offer one under the entry-point group ``scansearch.figures.scan_figures``.

    Args:
        name: Its name, as registered.
        description: One line for listings.
        draw: ``draw(names, (height, width))`` draws the orders of these names on the grid; it may take options by keyword.
            It runs inside ``scansearch.figures.style.style``.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ScanFigure("blank", "nothing at all", draw=lambda names, grid: Figure()).name
        'blank'
    """

    name: str
    description: str
    draw: Callable[..., Figure]


def render_scans(
    figure: str,
    names: Sequence[str],
    grid: tuple[int, int],
    folder: str | Path,
    *,
    overwrite: bool = False,
    **options: Any,
) -> list[Path]:
    """Draws a scan figure into ``folder`` as PNG and SVG, without a display.

    Args:
        figure: Name of the figure, for example ``path``.
        names: Scan orders.
        grid: Rows and columns.
        folder: Where the files go; made if need be.
        overwrite: Replace pictures of the same name that show something else.
        options: What this figure's ``draw`` takes besides; the files' names tell them.

    Returns:
        The files written, for example ``scan-hilbert-14x14.png``; a figure of several orders is called by its own name.

    Raises:
        ScansearchError: If the figure or an order is unknown, it cannot be drawn, another picture has its name, or the disk
            refuses.
    """
    from scansearch.figures.style import figure_files, style

    drawn: ScanFigure = SCAN_FIGURES.get(figure)
    subject = names[0] if len(names) == 1 else drawn.name
    told = "-".join(["scan", subject, *map(str, options.values()), f"{grid[0]}x{grid[1]}"])
    with style():
        files = figure_files(drawn.draw(names, grid, **options), re.sub(r"[^\w.+-]", "-", told))
    return place(files, Path(folder), overwrite=overwrite)


def catalogue(height: int, width: int) -> list[str]:
    """Orders that show what there is: each family's examples, and these transposed where that is a path not shown yet."""
    names = []
    for family in (SCAN_ORDERS.get(name) for name in SCAN_ORDERS.names()):
        shown = list(family.examples)
        for example in map(ScanOrder, family.examples):
            other = ScanOrder(f"{example.base}{example.symmetry.then(Symmetry(transpose=True)).suffix}").canonical
            if not any(relation(other, name, height, width) for name in shown):
                shown.append(other)
        names += shown
    return names


def check_tokens(names: Sequence[str], grid: tuple[int, int], most: int, what: str) -> None:
    """Refuses a figure whose orders have more tokens in all than can be drawn, or compared, in bounded time.

    Raises:
        ScansearchError: With the limit.
    """
    count = len(names) * grid[0] * grid[1]
    if count > most:
        raise ScansearchError(
            f"{what} is of at most {most:,} tokens in all, but {len(names):,} orders on {grid[0]} x {grid[1]} have {count:,}; "
            f"take a smaller grid or fewer orders"
        )


def percent(share: float, decimals: int = 0) -> str:
    """A share from 0 to 1 as ``93.3 %``; it says 100 only where nothing is missing."""
    shown = 100.0 if share == 1 else min(100 * share, 100 - 10.0**-decimals)
    return f"{shown:.{decimals}f} %"


def time_colours() -> ListedColormap:
    """From deep blue over magenta to orange, lightness rising all the way: plasma without its end, which white swallows."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["plasma"](np.linspace(0.0, 0.8, 256)), name="scansearch_time")


def path_ends() -> list[Note]:
    """What the marks at the ends of a path mean."""
    from matplotlib.colors import to_hex

    from scansearch.figures.style import Note

    return [
        Note(mark, text, to_hex(time_colours()(end))) for mark, text, end in (("○", "start", 0.0), ("□", "end", 1.0))
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
    from matplotlib.collections import LineCollection

    rows, cols = np.divmod(visited, grid[1])
    points = np.stack([cols, rows], axis=1)  # (L, 2)
    colours = time_colours()(np.linspace(0, 1, len(visited)))  # (L, 4)
    segments, lengths = np.stack([points[:-1], points[1:]], axis=1), np.abs(np.diff(points, axis=0)).sum(1)
    lines = colours[:-1].copy()
    lines[lengths > 1, 3] = np.maximum(0.22, 1.2 / lengths[lengths > 1])
    unit, jump = min(4.2, UNIT * cell * 72), max(0.35, min(0.9, JUMP * cell * 72))
    for which, thickness, order in ((lengths > 1, jump, 1), (lengths == 1, unit, 2)):
        axes.add_collection(
            LineCollection(
                list(segments[which]), colors=lines[which], linewidths=thickness, capstyle="round", zorder=order
            )
        )
    axes.scatter(cols, rows, s=(1.5 * unit) ** 2, c=colours, linewidths=0, zorder=3)
    for end, marker in ((-1, "s"), (0, "o")):
        axes.scatter(
            cols[end], rows[end], s=max(2.2, 2.3 * unit) ** 2, marker=marker, facecolors=["white"], edgecolors=[colours[end]],
            linewidths=max(0.5, 0.45 * unit), zorder=4, clip_on=False,
        )  # fmt: skip
