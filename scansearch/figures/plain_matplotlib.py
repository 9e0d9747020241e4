"""Imports matplotlib whatever the environment says of its backend: files need none.

A notebook sets ``MPLBACKEND`` to a module of its own environment, and matplotlib refuses to be imported where that is missing.
Import this module before any other of matplotlib's.
"""

from __future__ import annotations

import os

from scansearch.errors import ScansearchError

BACKEND = "MPLBACKEND"


def _import() -> None:
    wanted = os.environ.pop(BACKEND, None)
    try:
        import matplotlib
    except UnicodeDecodeError as error:
        raise ScansearchError(
            f"matplotlib's settings, a file named matplotlibrc here or in its configuration folder, are not UTF-8 text "
            f"({error.reason} at byte {error.start}); mend or remove that file"
        ) from error
    finally:
        if wanted is not None:
            os.environ[BACKEND] = wanted
    if wanted:
        try:
            matplotlib.rcParams["backend"] = wanted  # as matplotlib does itself: other code may want to show figures
        except ValueError:
            return  # no backend of this environment; who wants to show figures is told so by matplotlib


_import()
