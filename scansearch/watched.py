"""Runs that Python code begins: shown where somebody looks, and finished as the command line finishes them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from scansearch.genotype import Genotype
from scansearch.training.events import Listener

Result = TypeVar("Result")


def watched(
    run: Callable[[Listener | None], Result],
    folder: str | Path,
    listener: Listener | None,
    progress: bool | None,
) -> Result:
    """Does a run under somebody's eyes, and finishes its folder.

    Args:
        run: Given who is told about progress.
        folder: The run folder.
        listener: Told in the place of a display.
        progress: As ``shows`` takes it.

    Returns:
        What ``run`` does.
    """
    from scansearch.finish import finish
    from scansearch.machine.launched import is_first

    if not is_first():
        return run(None)
    if listener is not None or not shows(progress):
        result = run(listener)
    else:
        from scansearch.display.progress import display

        with display() as shown:
            result = run(shown)
    for line in finish(folder, Genotype.load(folder)).failures:
        warnings.warn(line, stacklevel=3)
    return result


def shows(progress: bool | None) -> bool:
    """Whether progress is shown: if not said, in a notebook only."""
    if progress is None:
        from scansearch.display.progress import in_notebook

        return in_notebook()
    return progress
