"""How every figure looks: type, colours of directions, a colour map, and saving byte for byte the same.

Figures are plain matplotlib objects. Nothing here needs a display, touches pyplot or changes matplotlib's global settings.
"""

from __future__ import annotations

import io
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from matplotlib.ticker import MaxNLocator

from scansearch.files import write_bytes
from scansearch.text import visible

INK, GREY, PALE = "#1f2328", "#6e7781", "#eceff2"
KEPT = "#c8501e"  # vermilion: clear of every blue, in print and to colour-blind readers
DPI = 300

# After Okabe and Ito, whose colours stay apart for colour-blind readers, a little softer for filled areas.
_BASE_COLOURS = {"h": "#2570ae", "v": "#d76c26", "w2": "#2a9d78", "w7": "#a9669f"}
_OTHER_COLOURS = ("#c68a00", "#56b4e9", "#7f5539", "#5b5f97", "#4d4d4d", "#8fb339", "#d1495b", "#00798c")
# Lines of a colour's first, second, ... user: an order, and its flip.
_DASHES: tuple[tuple[tuple[float, ...] | None, tuple[float, ...]], ...] = (
    (None, (3.2, 1.6)),
    ((1.0, 1.2), (4.0, 1.2, 1.0, 1.2)),
)

TITLE_SIZE, FACTS_SIZE = 7.5, 6.0  # points
HEADING = 0.42  # inches at the top of a figure that its heading takes
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
    from matplotlib import rcParamsDefault

    defaults: dict[Any, Any] = {name: value for name, value in rcParamsDefault.items() if name != "backend"}
    return rc_context(defaults | _STYLE)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of the given size in inches."""
    return Figure(figsize=(width, height))


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Inches that a line of text takes.

    Args:
        text: One line.
        size: In points.
        weight: ``normal`` or ``bold``.
    """
    font = FontProperties(family=_STYLE["font.sans-serif"][0], size=size, weight=weight)
    width, _, _ = TextToPath().get_text_width_height_descent(text, font, ismath=False)
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


def heading(figure: Figure, title: str, facts: str, left: float = MARGIN) -> None:
    """A bold title and a line of facts in grey, at the top left of a figure.

    Args:
        figure: The figure; it keeps ``HEADING`` inches free for this.
        title: Shortened if it is wider than the figure.
        facts: One line.
        left: Where both begin, in inches.
    """
    width, height = figure.get_size_inches()
    room, x = width - left - MARGIN, left / width
    title, facts = shorten(title, room, TITLE_SIZE, "bold"), shorten(facts, room, FACTS_SIZE)
    figure.text(x, 1 - 0.1 / height, title, va="top", fontsize=TITLE_SIZE, fontweight="bold")
    figure.text(x, 1 - 0.24 / height, facts, va="top", fontsize=FACTS_SIZE, color=GREY)


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
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))
    if first == last:
        axes.set_xlim(first - 0.5, last + 0.5)


def lay_out_below_heading(figure: Figure) -> None:
    """Lets matplotlib arrange axes and legends in what the heading leaves."""
    height = figure.get_size_inches()[1]
    figure.set_layout_engine("constrained", rect=(0.0, 0.0, 1.0, 1 - HEADING / height))


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Writes ``name.png`` and ``name.svg``; the same figure gives the same bytes.

    Raises:
        RunFolderError: If the disk is full or refuses.
    """
    paths = []
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
        data = io.BytesIO()
        figure.savefig(data, format=kind, dpi=DPI, metadata=metadata)
        paths.append(folder / f"{name}.{kind}")
        write_bytes(paths[-1], data.getvalue())
    return paths


@dataclass(frozen=True)
class DirectionStyle:
    """How a direction is drawn: an order and its flip share a colour, the flip is dashed."""

    colour: str
    dashes: tuple[float, ...] | None


def base_of(name: str) -> str:
    """A direction's name without its flip."""
    return name.removesuffix("_flip")


def direction_styles(names: Sequence[str]) -> dict[str, DirectionStyle]:
    """A style for each direction, whatever the order of the names; LocalMamba's eight look the same in every figure."""
    styles = {base: (colour, _DASHES[0]) for base, colour in _BASE_COLOURS.items()}
    for number, base in enumerate(sorted({base_of(name) for name in names} - set(_BASE_COLOURS))):
        # The name decides its colour, so that it is the same in another space too, unless another has it here.
        first, count = zlib.crc32(base.encode()), len(_OTHER_COLOURS)
        order = [_OTHER_COLOURS[(first + step) % count] for step in range(count)]
        used = [colour for colour, _ in styles.values()]
        styles[base] = (min(order, key=used.count), _DASHES[number // count % len(_DASHES)])
    return {n: DirectionStyle(styles[base_of(n)][0], styles[base_of(n)][1][n.endswith("_flip")]) for n in names}


def blues(levels: int = 256) -> ListedColormap:
    """From near-white to a deep blue in equal perceptual steps: a straight line in OKLab (B. Ottosson, 2020)."""
    start, end = (_to_oklab(np.array(to_rgb(colour))) for colour in ("#f4f7fa", "#0f4c81"))
    steps = np.linspace(0, 1, levels)[:, None]
    return ListedColormap(_from_oklab(start + steps * (end - start)), name="scansearch_blues")


def readable_on(colour: Any) -> str:
    """Ink or white, whichever contrasts more with a background (WCAG relative luminance)."""
    linear = _linear(np.array(to_rgb(colour)))
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return INK if luminance > 0.22 else "white"


_TO_CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


def _linear(rgb: np.ndarray) -> np.ndarray:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _to_oklab(rgb: np.ndarray) -> np.ndarray:
    lab: np.ndarray = _TO_LAB @ np.cbrt(_TO_CONES @ _linear(rgb))
    return lab


def _from_oklab(lab: np.ndarray) -> np.ndarray:
    cones = (lab @ np.linalg.inv(_TO_LAB).T) ** 3
    linear = np.clip(cones @ np.linalg.inv(_TO_CONES).T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
