"""What a figure is: a plug-in that draws one matplotlib figure of a source that it applies to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from scansearch.errors import ScansearchError
from scansearch.figures.plain_matplotlib import any_backend
from scansearch.figures.sources import FigureSource
from scansearch.registry import FIGURES, unknown_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

S = TypeVar("S", bound=FigureSource)


@dataclass(frozen=True)
class FigureSpec(Generic[S]):
    """A figure by name. Packages offer one under the entry-point group ``scansearch.figures``.

    Args:
        name: Name on the command line and of the files.
        of: What it is of: ``RunSource``, ``RunsSource`` or ``ScanSource``.
        description: One line for listings.
        draw: ``draw(source)`` draws the figure; it may take options by keyword. It is called under
            ``scansearch.figures.style.style()``, after ``applies`` had nothing to say, and must not use pyplot.
        applies: Says why the figure cannot be drawn of a source, or ``None`` if it can.

    Examples:
        >>> from matplotlib.figure import Figure
        >>> from scansearch.figures.sources import RunSource
        >>> FigureSpec("blank", RunSource, "nothing at all", draw=lambda source: Figure()).name
        'blank'
    """

    name: str
    of: type[S]
    description: str
    draw: Callable[..., Figure]
    applies: Callable[[S], str | None] = lambda source: None

    def refusal(self, source: FigureSource) -> str | None:
        """Why the figure cannot be drawn of any source, or ``None`` if it can."""
        if not isinstance(source, self.of):
            return f"it is of {self.of.phrase}, not of {source.phrase}"
        return self.applies(source)


def find_figure(name: str, of: type[FigureSource] | None = None) -> FigureSpec[Any]:
    """A figure by its name, whatever the environment says of matplotlib's backend.

    Args:
        name: Its name.
        of: What is to be drawn: if nothing has the name, the message lists the figures of this kind.

    Raises:
        ScansearchError: If it is unknown, cannot be imported, or is no figure.
    """
    if of is not None and name not in FIGURES:
        raise unknown_name(f"figure of {of.phrase}", name, figures_of(of))
    with any_backend():  # the file of a figure may import matplotlib
        spec = FIGURES.get(name)
    if not isinstance(spec, FigureSpec):
        raise ScansearchError(f"a figure is a FigureSpec, but {name!r} is {type(spec).__name__}; mend its package")
    return spec


def figures_of(kind: type[FigureSource]) -> list[str]:
    """Names of the figures that are of this kind of source, whether or not they apply to one."""
    return [name for name in FIGURES.names() if issubclass(kind, find_figure(name).of)]
