"""Ctrl-C, SIGTERM and a closed terminal, whatever the moment: one line on standard error, and exit status 130.

Training has its own answer (``training/interrupt.py``): it finishes its step and saves. Everywhere else a run on disk is whole at
every moment, so the process leaves on the spot. An exception in its place would not do: imports of compiled packages swallow
it, and exit handlers print it. This file is imported before anything heavy, and imports nothing heavy itself.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from scansearch.cli.program import runnable
from scansearch.errors import InterruptedRunError
from scansearch.machine.launched import reported
from scansearch.machine.stop_signals import stop_signals

NOTHING_BEGUN = "stopped before anything was begun; nothing is lost"
CLEAN_LINE = b"\r\x1b[2K\x1b[?25h"  # takes a half-drawn progress bar away and shows the cursor again

_last_words: list[Callable[[], str]] = [lambda: NOTHING_BEGUN]


def install() -> None:
    """Lets a signal end this process in one line; one that was ignored before (nohup, a background job) stays ignored."""
    for number in stop_signals():
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)


def ignore() -> None:
    """After ``install``: from here on a signal changes nothing, for the last line is being said."""
    for number in stop_signals():
        if signal.getsignal(number) is _leave:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def saying(line: Callable[[], str]) -> Iterator[None]:
    """What an interruption inside the block says.

    Raises:
        InterruptedRunError: In place of KeyboardInterrupt, where ``install`` was not called.
    """
    _last_words.append(line)
    try:
        yield
    except KeyboardInterrupt as error:
        raise InterruptedRunError(line()) from error
    finally:
        _last_words.pop()


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """An interruption inside the block names the command that continues the run in ``folder``, once there is one."""

    def line() -> str:
        way_on = kept(folder)
        return f"stopped; {way_on}" if way_on else NOTHING_BEGUN

    with saying(line):
        yield


def kept(folder: Path) -> str:
    """What is kept of a run and the command that continues it; nothing if it has not begun."""
    if not (folder / "config.toml").exists():
        return ""
    return f"all up to the last checkpoint is kept: continue with `scansearch resume {shlex.quote(str(folder))}`"


def _leave(number: int, frame: FrameType | None) -> None:
    words = runnable(_last_words[-1]())
    said = b"" if reported(words, InterruptedRunError.exit_status) else words.encode(errors="backslashreplace") + b"\n"
    for stream, text in ((1, b""), (2, said)):
        try:
            terminal = os.isatty(stream) and os.environ.get("TERM", "dumb") != "dumb"
            os.write(stream, (CLEAN_LINE if terminal else b"") + text)
        except OSError:  # the terminal has gone; there is nobody left to tell
            continue
    if unfinished := sys.modules.get("scansearch.unfinished"):
        getattr(unfinished, "remove_unfinished", lambda: None)()  # it may be half imported
    os._exit(InterruptedRunError.exit_status)
