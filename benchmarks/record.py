"""What a long benchmark has found so far, in a file of JSON lines: an interrupted one goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track


class Record:
    """Results by key.

    Args:
        path: The file; ``None`` keeps nothing. A line that was cut off by a kill is left out, and its job done again.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path, self.found = path, dict[str, Any]()
        for line in path.read_text(encoding="utf-8").split("\n") if path is not None and path.exists() else ():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            self.found[entry["key"]] = entry["value"]

    def add(self, key: str, value: Any) -> None:
        """Keeps a result, in the file first."""
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n" + json.dumps({"key": key, "value": value}))  # first, as the line before may be torn
        self.found[key] = value

    def fill(self, jobs: Mapping[str, Any], work: Callable[[Any], Any], processes: int, title: str) -> None:
        """Does the jobs whose key is not there yet, so many at once; ``work`` takes a job and is a function of a module."""
        missing = {key: job for key, job in jobs.items() if key not in self.found}
        if not missing:
            return
        for key, value in track(
            _done(missing, work, processes), title, len(missing), console=Console(stderr=True), transient=True
        ):
            self.add(key, value)


def _done(jobs: Mapping[str, Any], work: Callable[[Any], Any], processes: int) -> Iterable[tuple[str, Any]]:
    if processes == 1:
        yield from ((key, work(job)) for key, job in jobs.items())
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        running = {pool.submit(work, job): key for key, job in jobs.items()}
        yield from ((running[future], future.result()) for future in as_completed(running))
