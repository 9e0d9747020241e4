"""Work on many files at a time: pillow and hashlib give up Python's lock while they work."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

MOST_THREADS = 8

# Without a handler of the program's own, Python would print what pillow logs beside the exception that it raises.
logging.getLogger("PIL").addHandler(logging.NullHandler())

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """``[function(item) for item in items]`` in a few threads, without the warnings that pillow prints.

    What makes a file unusable is an exception, and that is passed on. The filter is set here, by the thread that waits:
    it is the process's own, so that threads which set it would undo each other's.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(_pool(os.getpid()).map(function, items))


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    # By process: threads do not survive a fork.
    return ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1), thread_name_prefix="images")
