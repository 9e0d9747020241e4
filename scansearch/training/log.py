"""The log of a run: every event but single steps, with the time, in ``log.txt``.

Not by Python's ``logging``: its file handler follows links, which lead out of the run's folder, and keeps the file open for as long
as the process lives; it tells standard error of a full disk where a run must stop in one line that says what to do; and its loggers
belong to the process, which may hold several runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from typing_extensions import override

from scansearch.files import append_bytes
from scansearch.masking import masked
from scansearch.text import one_line
from scansearch.training.events import Listener, Progress


class Logged(Listener):
    """Writes events to a file and passes all of them on.

    Args:
        listener: Who else is told.
        path: The log file; lines are appended.
    """

    def __init__(self, listener: Listener, path: Path) -> None:
        self.listener, self.path = listener, path

    @override
    def checked(self, done: int, most: int) -> None:
        self.listener.checked(done, most)

    @override
    def started(self, facts: Mapping[str, Any], progress: Progress) -> None:
        self._write(f"step {progress.step} of {progress.steps}: " + ", ".join(f"{k} {v}" for k, v in facts.items()))
        self.listener.started(facts, progress)

    @override
    def stepped(self, progress: Progress) -> None:
        self.listener.stepped(progress)

    @override
    def epoch_done(self, row: Mapping[str, Any]) -> None:
        self._write(", ".join(f"{k} {v}" if isinstance(v, str) else f"{k} {v:.6g}" for k, v in row.items()))
        self.listener.epoch_done(row)

    @override
    def judged(self, done: int, most: int, accuracy: float) -> None:
        self.listener.judged(done, most, accuracy)

    @override
    def tuned(self, done: int, most: int) -> None:
        self.listener.tuned(done, most)

    @override
    def warned(self, message: str) -> None:
        self._write(f"warning: {message}")
        self.listener.warned(message)

    def _write(self, line: str) -> None:
        text = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} {one_line(masked(line))}\n"
        append_bytes(self.path, text.encode(errors="backslashreplace"))
