"""How `make gpu-check` measures on a GPU, and says so: milliseconds, rows of tables that may fail, lines that are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import torch

DEVICE = "cuda"
ROUNDS = 10
TEXT: list[str] = []
"""Every line that was shown."""


def milliseconds(function: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median time of a call on the GPU, after two that do not count."""
    found = []
    for number in range(rounds + 2):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        function()
        end.record()
        end.synchronize()
        if number > 1:
            found.append(start.elapsed_time(end))
    return median(found)


def bandwidth() -> float:
    """GB a second of a large copy, reading and writing counted."""
    tensor = torch.empty(2**28, device=DEVICE)
    other = torch.empty_like(tensor)
    return 2 * tensor.numel() * 4 / milliseconds(lambda: other.copy_(tensor)) / 1e6


def backends() -> list[str]:
    """Those that work on this GPU, but for the plain loops."""
    from scansearch.ops.backends import backend_report

    return [b.name for b in backend_report(DEVICE) if b.available and b.name not in ("reference", "cpu")]


@contextmanager
def failing(rows: list[dict[str, Any]], row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A row of a table, which says why it could not be measured, if so."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    rows.append(row)
    try:
        yield row
    except Exception as error:  # out of memory, a compiler's, anything: the other rows are wanted
        row["failed"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        show(f"  {row}")


def show(line: str) -> None:
    """Prints a line, and keeps it for the text file."""
    TEXT.append(line)
    print(line, flush=True)
