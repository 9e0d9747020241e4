"""Environment variables that torch and its OpenMP read when they load: set by programs, before torch is imported."""

from __future__ import annotations

import os

SPINS, HUGE_PAGES = "GOMP_SPINCOUNT", "THP_MEM_ALLOC_ENABLE"


def set_variables() -> None:
    """Sets what the user has not set. Results do not change.

    Threads that wait for each other keep their core busy. Where another program wants it, as on any laptop, they then wait for each
    other's turns: a step took three times as long. About 30 microseconds cost nothing otherwise.

    Tensors of more than 32 MiB come from the system anew each time, and page by page; on Linux they may come in pages of 2 MiB.
    """
    os.environ.setdefault(SPINS, "10000")
    os.environ.setdefault(HUGE_PAGES, "1")
