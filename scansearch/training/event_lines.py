"""Events of a run as lines of JSON, for another process to show."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from typing_extensions import override

from scansearch.training.events import Listener, Progress

EVERY = 0.5
"""Seconds between two steps that are told."""


class EventLines(Listener):
    """Writes a line for each event, and for a step now and then.

    Args:
        write: Given each line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write, self._told = write, 0.0

    @override
    def checked(self, done: int, most: int) -> None:
        self._now_and_then("checked", done, most)

    @override
    def started(self, facts: Mapping[str, Any], progress: Progress) -> None:
        self._tell("started", dict(facts), asdict(progress))

    @override
    def stepped(self, progress: Progress) -> None:
        self._now_and_then("stepped", asdict(progress))

    @override
    def epoch_done(self, row: Mapping[str, Any]) -> None:
        self._tell("epoch_done", dict(row))

    @override
    def judged(self, done: int, most: int, accuracy: float) -> None:
        self._now_and_then("judged", done, most, accuracy)

    @override
    def tuned(self, done: int, most: int) -> None:
        self._now_and_then("tuned", done, most)

    @override
    def warned(self, message: str) -> None:
        self._tell("warned", message)

    def _now_and_then(self, event: str, *values: Any) -> None:
        if time.monotonic() - self._told > EVERY:
            self._told = time.monotonic()
            self._tell(event, *values)

    def _tell(self, event: str, *values: Any) -> None:
        self._write(json.dumps([event, *values]))


def tell(line: str, listener: Listener) -> None:
    """Tells a listener what a line of ``EventLines`` says; any other line, such as a plug-in may print, as a warning."""
    try:
        event, *values = json.loads(line)
    except (ValueError, TypeError):
        listener.warned(line.strip())
        return
    if event in ("started", "stepped"):
        values[-1] = Progress(**values[-1])
    getattr(listener, event)(*values)
