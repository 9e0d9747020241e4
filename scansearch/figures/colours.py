"""Colours: those of text, one for each direction, and a colour map of equal perceptual steps."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import scansearch.figures.plain_matplotlib  # noqa: F401

# isort: split
from matplotlib.colors import ListedColormap, to_rgb

INK, GREY, PALE = "#1f2328", "#6e7781", "#eceff2"
KEPT = "#c8501e"  # vermilion: clear of every blue, in print and to colour-blind readers

# After Okabe and Ito, whose colours stay apart for colour-blind readers, a little softer for filled areas.
_BASE_COLOURS = {"h": "#2570ae", "v": "#d76c26", "w2": "#2a9d78", "w7": "#a9669f"}
_OTHER_COLOURS = ("#c68a00", "#56b4e9", "#7f5539", "#5b5f97", "#4d4d4d", "#8fb339", "#d1495b", "#00798c")
# Lines of a colour's first, second, ... user: an order, and its flip.
_DASHES: tuple[tuple[tuple[float, ...] | None, tuple[float, ...]], ...] = (
    (None, (3.2, 1.6)),
    ((1.0, 1.2), (4.0, 1.2, 1.0, 1.2)),
)


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
