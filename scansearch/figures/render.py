"""Figures as files, or as SVG for a page: the one place that calls what draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scansearch.errors import ScansearchError
from scansearch.figures.figure import figures_of, find_figure
from scansearch.figures.sources import FigureSource
from scansearch.outputs import place

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def render(
    source: FigureSource,
    folder: str | Path,
    names: Sequence[str] | None = None,
    *,
    overwrite: bool = False,
    **options: Any,
) -> list[Path]:
    """Draws figures as PNG and SVG, without a display.

    In ``figures`` of a run they are called NAME.png and NAME.svg, and replace those that are there. Elsewhere the source's
    title comes first, as in ``first-heatmap.png``, so that figures of several sources may lie in one folder.

    Args:
        source: What to draw.
        folder: Where the files go; made if need be.
        names: Figures to draw; every one of such a source that applies, if not given.
        overwrite: Replace other files of the same names outside the run's own folder.
        options: What ``draw`` of these figures takes besides; the files' names tell them.

    Returns:
        The files written.

    Raises:
        ScansearchError: If a figure is unknown, a named one does not apply, none applies, another file has its name, or the
            disk refuses.
    """
    from scansearch.figures.style import figure_files

    wanted = list(dict.fromkeys(names or figures_of(type(source))))
    reasons = refusals(source, wanted)
    if not wanted:
        raise ScansearchError(f"there is no figure of {source.phrase}; `scansearch figures` lists all there are")
    if reasons and (names or len(reasons) == len(wanted)):
        raise ScansearchError("; ".join(f"cannot draw {name}: {reason}" for name, reason in reasons.items()))
    folder = Path(folder)
    own = source.owns(folder)
    written: list[Path] = []
    for name in (name for name in wanted if name not in reasons):
        files = figure_files(draw(source, name, **options), source.file_name(name, [str(o) for o in options.values()]))
        written += place(files, folder, source="" if own else source.stem, overwrite=own or overwrite)
    return written


def refusals(source: FigureSource, names: Sequence[str] | None = None) -> dict[str, str]:
    """Why figures (all of such a source, if not given) cannot be drawn of it, by name; those that can are left out.

    Raises:
        ScansearchError: If a figure is unknown.
    """
    found = {
        name: find_figure(name, type(source)).refusal(source)
        for name in dict.fromkeys(names or figures_of(type(source)))
    }
    return {name: reason for name, reason in found.items() if reason}


def draw(source: FigureSource, name: str, **options: Any) -> Figure:
    """Draws one figure, in the style of all.

    Raises:
        ScansearchError: If it is unknown, or cannot be drawn of this source.
    """
    spec = find_figure(name, type(source))
    if reason := spec.refusal(source):
        raise ScansearchError(f"cannot draw {name}: {reason}")
    from scansearch.figures.style import style

    with style():
        figure: Figure = spec.draw(source, **options)
    return figure


def inline_svg(source: FigureSource, name: str, **options: Any) -> str:
    """One figure as an ``<svg>`` element that can stand in an HTML page among others; errors as ``draw``."""
    from scansearch.figures.svg_element import svg_element

    return svg_element(draw(source, name, **options), name)
