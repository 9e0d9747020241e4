"""A figure as an element of an HTML page: matplotlib writes whole SVG files, whose names would clash on one page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scansearch.figures.style import picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMED = re.compile(r'(\bid="|\bhref="#|\burl\(#)')


def svg_element(figure: Figure, prefix: str) -> str:
    """The ``<svg>`` element of a figure.

    Args:
        figure: Drawn under ``scansearch.figures.style.style()``.
        prefix: What every name inside begins with, so that several figures may stand in one page: clip paths and markers are
            found by name.
    """
    text = picture(figure, "svg").decode()
    return _NAMED.sub(rf"\1{prefix}-", text[text.index("<svg") :]).rstrip() + "\n"
