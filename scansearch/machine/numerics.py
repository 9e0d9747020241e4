"""Settings of the whole process that a run needs, given back to the caller when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils import deterministic as determinism

from scansearch.machine.memory import keep_freed_memory

_UNWRITTEN: Any = determinism  # the module makes its attribute at run time, unseen by a type checker


@contextmanager
def run_numerics() -> Iterator[None]:
    """Computes in float32, flushes denormals, asks for deterministic algorithms and keeps freed memory while the block runs.

    A default dtype that the caller set would otherwise make weights that images do not fit.

    Afterwards the number of threads, these settings and torch's random state are what they were before.
    """
    threads, flushed = torch.get_num_threads(), flushes_denormals()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only, dtype = torch.is_deterministic_algorithms_warn_only_enabled(), torch.get_default_dtype()
    filled = _UNWRITTEN.fill_uninitialized_memory
    try:
        with torch.random.fork_rng():
            torch.set_default_dtype(torch.float32)
            torch.set_flush_denormal(True)  # states decay into denormals, on which arithmetic is many times slower
            torch.use_deterministic_algorithms(True, warn_only=True)
            # Else every tensor is filled with NaN before an operation writes it.
            _UNWRITTEN.fill_uninitialized_memory = False
            keep_freed_memory()
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(flushed)
        torch.set_default_dtype(dtype)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        _UNWRITTEN.fill_uninitialized_memory = filled


def flushes_denormals() -> bool:
    """Whether this thread computes with denormals as zeros."""
    # torch has no question for it, so compute one: half the smallest normal number.
    return float(torch.tensor(torch.finfo(torch.float32).tiny, dtype=torch.float32) * 0.5) == 0.0
