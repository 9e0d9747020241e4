"""Ctrl-C outside of the training loop, which has its own answer: still says how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scansearch.errors import InterruptedRunError


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Turns Ctrl-C into a message with the command that continues the run in ``folder``, once there is one.

    Raises:
        InterruptedRunError: In place of KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        if not (folder / "config.toml").exists():
            raise
        raise InterruptedRunError(
            f"stopped; all up to the last checkpoint is kept: continue with `scansearch resume {folder}`"
        ) from error
