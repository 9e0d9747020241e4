"""The log of a run: every event but single steps, with the time, in ``log.txt``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from scansearch.files import append_bytes
from scansearch.masking import masked
from scansearch.text import one_line
from scansearch.training.events import Listener, Progress


class Logged:
    """Writes events to a file and passes them on.

    Args:
        listener: Who else is told.
        path: The log file; lines are appended.
    """

    def __init__(self, listener: Listener, path: Path) -> None:
        self.listener, self.path = listener, path

    def checked(self, done: int, most: int) -> None:
        """Passed on only."""
        self.listener.checked(done, most)

    def started(self, facts: Mapping[str, Any], progress: Progress) -> None:
        """Logs what is searched."""
        self._write(f"step {progress.step} of {progress.steps}: " + ", ".join(f"{k} {v}" for k, v in facts.items()))
        self.listener.started(facts, progress)

    def stepped(self, progress: Progress) -> None:
        """Passed on only."""
        self.listener.stepped(progress)

    def epoch_done(self, row: Mapping[str, Any]) -> None:
        """Logs the epoch."""
        self._write(", ".join(f"{k} {v:.6g}" for k, v in row.items()))
        self.listener.epoch_done(row)

    def judged(self, done: int, most: int, accuracy: float) -> None:
        """Passed on only."""
        self.listener.judged(done, most, accuracy)

    def tuned(self, done: int, most: int) -> None:
        """Passed on only."""
        self.listener.tuned(done, most)

    def warned(self, message: str) -> None:
        """Logs the warning."""
        self._write(f"warning: {message}")
        self.listener.warned(message)

    def _write(self, line: str) -> None:
        text = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} {one_line(masked(line))}\n"
        append_bytes(self.path, text.encode(errors="backslashreplace"))
