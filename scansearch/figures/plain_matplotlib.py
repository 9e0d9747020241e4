"""matplotlib, imported on first use and whatever the environment says of its backend: files need none.

A notebook sets ``MPLBACKEND`` to a module of its own environment, and matplotlib refuses to be imported where that is missing.
Figures that come with scansearch say ``from scansearch.figures.plain_matplotlib import matplotlib``, and use none of it while they
are imported: then to list them takes no half second more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from scansearch.errors import ScansearchError

BACKEND = "MPLBACKEND"


@contextmanager
def any_backend() -> Iterator[None]:
    """Inside, matplotlib can be imported whatever the environment says of its backend; that is left as it was.

    Raises:
        ScansearchError: If matplotlib's own settings are no text.
    """
    known = "matplotlib" in sys.modules
    wanted = None if known else os.environ.pop(BACKEND, None)
    try:
        yield
    except UnicodeDecodeError as error:
        raise ScansearchError(
            f"matplotlib's settings, a file named matplotlibrc here or in its configuration folder, are not UTF-8 text "
            f"({error.reason} at byte {error.start}); mend or remove that file"
        ) from error
    finally:
        if wanted is not None:
            os.environ[BACKEND] = wanted
    if wanted and "matplotlib" in sys.modules:
        try:
            sys.modules["matplotlib"].rcParams["backend"] = (
                wanted  # as matplotlib does itself: others may want to show figures
            )
        except ValueError:
            return  # no backend of this environment; who wants to show figures is told so by matplotlib


class _Plain:
    """Stands for matplotlib; a part of it, such as ``matplotlib.lines``, is imported when it is asked for first."""

    def __getattr__(self, name: str) -> Any:
        with any_backend():
            module = import_module("matplotlib")
            return getattr(module, name) if hasattr(module, name) else import_module(f"matplotlib.{name}")


if TYPE_CHECKING:
    import matplotlib
    import matplotlib.cm
    import matplotlib.collections
    import matplotlib.colors
    import matplotlib.figure
    import matplotlib.font_manager
    import matplotlib.lines
    import matplotlib.patches
    import matplotlib.textpath
    import matplotlib.ticker
else:
    matplotlib = _Plain()
