"""How every figure looks: type, colours of directions, a colour map, and saving byte for byte the same.

Figures are plain matplotlib objects. Nothing here needs a display, touches pyplot or changes matplotlib's global settings.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure

from scansearch.files import write_bytes

INK, GREY, PALE = "#1f2328", "#6e7781", "#eceff2"
KEPT = "#c8501e"  # vermilion: clear of every blue, in print and to colour-blind readers
DPI = 300

# After Okabe and Ito, whose colours stay apart for colour-blind readers, a little softer for filled areas.
_BASE_COLOURS = {"h": "#2570ae", "v": "#d76c26", "w2": "#2a9d78", "w7": "#a9669f"}
_OTHER_COLOURS = ("#c68a00", "#56b4e9", "#7f5539", "#5b5f97", "#4d4d4d", "#8fb339")

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
    """A style for each direction; LocalMamba's eight look the same in every figure."""
    others = dict.fromkeys(base for base in map(base_of, names) if base not in _BASE_COLOURS)
    cycle = {base: _OTHER_COLOURS[i % len(_OTHER_COLOURS)] for i, base in enumerate(others)}
    colours = {**_BASE_COLOURS, **cycle}
    return {n: DirectionStyle(colours[base_of(n)], (3.2, 1.6) if n.endswith("_flip") else None) for n in names}


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
