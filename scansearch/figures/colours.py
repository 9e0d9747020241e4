"""Colours: those of text, one for each direction, and a colour map of equal perceptual steps."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scansearch.figures.plain_matplotlib import matplotlib

if TYPE_CHECKING:
    from matplotlib.colors import LinearSegmentedColormap


INK, GREY, PALE = "#1f2328", "#6e7781", "#eceff2"
FAINT = "#9aa4ae"  # of what is there, but does not count
KEPT = "#c8501e"  # vermilion: clear of every blue, in print and to colour-blind readers

# After Okabe and Ito, whose colours stay apart for colour-blind readers, a little softer for filled areas.
_BASE_COLOURS = {"h": "#2570ae", "v": "#d76c26", "w2": "#2a9d78", "w7": "#a9669f"}
_OTHER_COLOURS = ("#c68a00", "#56b4e9", "#7f5539", "#5b5f97", "#4d4d4d", "#8fb339", "#d1495b", "#00798c")
# A straight line in OKLab (B. Ottosson, 2020). matplotlib's own Blues does not serve: its darkest steps are twice its palest, so
# that scores which differ equally would not look it.
_BLUES = ("#f4f7fa", "#d7e1eb", "#bacadc", "#9eb5cd", "#829fbe", "#678aaf", "#4c75a0", "#306090", "#0f4c81")
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


def blues() -> LinearSegmentedColormap:
    """From near-white to a deep blue in equal perceptual steps."""
    return matplotlib.colors.LinearSegmentedColormap.from_list("scansearch_blues", _BLUES)


def paler(colour: Any, share: float = 0.7) -> tuple[float, float, float]:
    """A colour, mixed with so large a share of white."""
    red, green, blue = (value + (1 - value) * share for value in matplotlib.colors.to_rgb(colour))
    return red, green, blue


def readable_on(colour: Any) -> str:
    """Ink or white, whichever contrasts more with a background (WCAG relative luminance)."""
    linear = _linear(np.array(matplotlib.colors.to_rgb(colour)))
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return INK if luminance > 0.22 else "white"


def _linear(rgb: np.ndarray) -> np.ndarray:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
