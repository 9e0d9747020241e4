"""Times several functions against each other in one process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter

import torch


def interleaved(functions: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Milliseconds of each function in each of ``repeats`` rounds.

    Every round runs all functions in turn, so whatever else the machine does hits all of them. Each is called twice in a round
    and the second call counts: none pays for the caches and the fresh memory that its predecessor leaves behind. A first
    round, which compiles and allocates, does not count. The process is an ordinary one: none of
    them gets the memory settings of a run.

    Args:
        functions: What to time, by name.
        repeats: Rounds, at least 1.
    """
    samples: dict[str, list[float]] = {name: [] for name in functions}
    torch.set_flush_denormal(True)  # as in a run; one loop over denormals is eight times slower
    for number in range(repeats + 1):
        for name, function in functions.items():
            function()
            if number:
                samples[name].append(milliseconds(function))
    torch.set_flush_denormal(False)
    return samples


def milliseconds(function: Callable[[], object]) -> float:
    """How long one call takes."""
    start = perf_counter()
    function()
    return 1e3 * (perf_counter() - start)
