"""How every figure looks: type, headings, notes, and files that are byte for byte the same.

Figures are plain matplotlib objects. Nothing here needs a display, touches pyplot or changes matplotlib's global settings.
"""

from __future__ import annotations

import io
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from scansearch.figures.colours import GREY, INK, KEPT
from scansearch.figures.plain_matplotlib import matplotlib
from scansearch.text import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 300
_METADATA: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}

TITLE_SIZE, FACTS_SIZE = 7.5, 6.0  # points
HEADING, HEADING_LINE = 0.42, 0.12  # inches at the top of a figure that its heading takes, and each further line of it
MARGIN = 0.08
NOTE_ROW, NOTE_GAP, MARK = 0.14, 0.16, 0.11  # inches: a row of notes, the space between two, and a note's mark

_STYLE: dict[str, Any] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],  # the first comes with matplotlib: the same everywhere
    "font.size": 7.0,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.0,
    "axes.linewidth": 0.6,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "text.parse_math": False,  # a run folder may be called a$b$
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 100,
    "svg.fonttype": "none",
    "svg.hashsalt": "scansearch",
}


def style() -> AbstractContextManager[None]:
    """The settings under which a figure is drawn and saved; they end with the ``with`` block."""
    # A caller's own style sheet must not leak in: begin at matplotlib's defaults.

    defaults: dict[Any, Any] = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
    return matplotlib.rc_context(defaults | _STYLE)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of the given size in inches."""
    return matplotlib.figure.Figure(figsize=(width, height))


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Inches that a line of text takes.

    Args:
        text: One line.
        size: In points.
        weight: ``normal`` or ``bold``.
    """
    font = matplotlib.font_manager.FontProperties(family=_STYLE["font.sans-serif"][0], size=size, weight=weight)
    width, _, _ = matplotlib.textpath.TextToPath().get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def shorten(text: str, width: float, size: float, weight: str = "normal") -> str:
    """The text if it fits in ``width`` inches, else its two ends with an ellipsis between."""
    text = visible(" ".join(text.split()))
    if text_width(text, size, weight) <= width:
        return text

    def ends(keep: int) -> str:
        return f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}"

    too_many = bisect_left(range(3, len(text)), True, key=lambda keep: text_width(ends(keep), size, weight) > width)
    return ends(too_many + 2)


def wrapped(parts: Sequence[str], width: float, size: float = FACTS_SIZE, *, joint: str = " · ") -> list[str]:
    """Parts joined in lines of at most ``width`` inches; a part that is longer is shortened."""
    lines: list[str] = []
    for part in (shorten(part, width, size) for part in parts):
        if lines and text_width(joined := f"{lines[-1]}{joint}{part}", size) <= width:
            lines[-1] = joined
        else:
            lines.append(part)
    return lines


def heading_height(lines: Sequence[str]) -> float:
    """Inches that a heading with these lines below its title takes; ``HEADING`` with one."""
    return HEADING + HEADING_LINE * (len(lines) - 1)


def heading(figure: Figure, title: str, lines: Sequence[str], left: float = MARGIN) -> None:
    """A bold title and lines of facts in grey, at the top left of a figure.

    Args:
        figure: The figure; it keeps ``heading_height(lines)`` inches free for this.
        title: Shortened if it is wider than the figure.
        lines: Facts, shortened likewise.
        left: Where all begin, in inches.
    """
    width, height = figure.get_size_inches()
    room, x = width - left - MARGIN, left / width
    figure.text(
        x, 1 - 0.1 / height, shorten(title, room, TITLE_SIZE, "bold"), va="top", fontsize=TITLE_SIZE, fontweight="bold"
    )
    for number, line in enumerate(lines):
        y = 1 - (0.24 + HEADING_LINE * number) / height
        figure.text(x, y, shorten(line, room, FACTS_SIZE), va="top", fontsize=FACTS_SIZE, color=GREY)


@dataclass(frozen=True)
class Note:
    """A mark of a figure and what it means."""

    mark: str
    text: str
    colour: str = KEPT

    @property
    def width(self) -> float:
        """Inches from its beginning to that of the next."""
        return MARK + text_width(self.text, FACTS_SIZE) + NOTE_GAP


def note_rows(notes: Iterable[Note], width: float) -> list[list[Note]]:
    """Notes in rows of at most ``width`` inches."""
    rows: list[list[Note]] = []
    for note in notes:
        note = replace(note, text=shorten(note.text, width - MARK - MARGIN, FACTS_SIZE))
        if not rows or sum(other.width for other in rows[-1]) + note.width - NOTE_GAP > width - MARGIN:
            rows.append([])
        rows[-1].append(note)
    return rows


def draw_notes(figure: Figure, rows: Sequence[Sequence[Note]], left: float) -> None:
    """Writes rows of notes along the bottom of a figure, from ``left`` inches on; each takes ``NOTE_ROW`` inches."""
    width, height = figure.get_size_inches()
    for number, row in enumerate(reversed(rows)):
        x, y = left, (0.12 + NOTE_ROW * number) / height
        for note in row:
            figure.text(x / width, y, note.mark, va="center_baseline", fontsize=FACTS_SIZE, color=note.colour)
            figure.text((x + MARK) / width, y, note.text, va="center_baseline", fontsize=FACTS_SIZE, color=GREY)
            x += note.width


def ranges(numbers: Sequence[int]) -> str:
    """Rising numbers in short: ``1, 3–5`` for 1, 3, 4, 5."""
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def epoch_axis(axes: Axes, epochs: Iterable[float]) -> None:
    """Whole epochs on the x axis, also for a single one."""
    first, last = min(epochs), max(epochs)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
    if first == last:
        axes.set_xlim(first - 0.5, last + 0.5)


def lay_out_below_heading(figure: Figure, taken: float = HEADING) -> None:
    """Lets matplotlib arrange axes and legends in what the heading leaves, which takes so many inches."""
    height = figure.get_size_inches()[1]
    figure.set_layout_engine("constrained", rect=(0.0, 0.0, 1.0, 1 - taken / height))


def figure_files(figure: Figure, name: str) -> dict[str, bytes]:
    """``name.png`` and ``name.svg``; the same figure gives the same bytes."""
    files = {}
    for kind in ("png", "svg"):
        files[f"{name}.{kind}"] = picture(figure, kind)
        figure.set_layout_engine("none")  # once is enough: it takes long, and both files shall look the same
    return files


def picture(figure: Figure, kind: str) -> bytes:
    """A figure as ``png`` or ``svg``, without the time or the version of what made it."""
    data = io.BytesIO()
    with style():
        figure.savefig(data, format=kind, dpi=DPI, metadata=_METADATA[kind])
    return data.getvalue()
