"""Work on many files at a time: pillow and hashlib give up Python's lock while they work."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

MOST_THREADS = 8

_serial = False

# Without a handler of the program's own, Python would print what pillow logs beside the exception that it raises.
logging.getLogger("PIL").addHandler(logging.NullHandler())

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """``[function(item) for item in items]`` in a few threads, without the warnings that pillow prints.

    What makes a file unusable is an exception, and that is passed on.
    """
    process = os.getpid()  # neither threads nor what they hold survive a fork
    with _quiet(process):
        return [function(item) for item in items] if _serial else list(_pool(process).map(function, items))


def serially() -> None:
    """From now on this process does such work in no other threads: it is one of many that share the machine."""
    global _serial
    _serial = True


class _Quiet:
    """Ignores warnings as long as any thread is within: their filters are the process's own, and threads undo each other's."""

    def __init__(self) -> None:
        self._lock, self._within = threading.Lock(), 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._within == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
            self._within += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._within -= 1
            if self._within == 0:
                self._filters.__exit__(None, None, None)


@lru_cache(maxsize=1)
def _quiet(process: int) -> _Quiet:
    return _Quiet()


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1), thread_name_prefix="images")
