"""Environment variables that torch's OpenMP reads when it loads: set by programs, before torch is imported."""

from __future__ import annotations

import os

SPINS = "GOMP_SPINCOUNT"


def set_variables() -> None:
    """Sets what the user has not set. Results do not change.

    Threads that wait for each other keep their core busy. Where another program wants it, as on any laptop, they then wait for each
    other's turns: a step took three times as long. About 30 microseconds cost nothing otherwise.
    """
    os.environ.setdefault(SPINS, "10000")
