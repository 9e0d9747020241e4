"""Numbers that a figure can hold: finite, within what axes can span, and not more of them than can be seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pandas import DataFrame

LARGEST = 1e100
"""Beyond it, the arithmetic of axes overflows."""


def drawable(values: Iterable[float]) -> np.ndarray:
    """Values as float64 (N,): cut to plus or minus ``LARGEST``; infinite and missing ones are NaN, which leaves a gap."""
    numbers = np.asarray(list(values) if not hasattr(values, "__array__") else values, dtype=np.float64)
    return np.where(np.isfinite(numbers), np.clip(numbers, -LARGEST, LARGEST), np.nan)


def thinned(count: int, most: int) -> np.ndarray:
    """At most ``most`` (2 or more) evenly spaced places out of ``count``, the first and the last among them; int64, rising."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def percent_text(share: float) -> str:
    """A share as ``81.2 %``, or ``1e+100 %`` where a table holds nonsense."""
    value = float(drawable([share])[0]) * 100
    return f"{value:.1f} %" if abs(value) < 1e6 else f"{value:.3g} %"


def left_out_lines(shown: int, count: int, what: str) -> list[str]:
    """Says how many are drawn, if not all."""
    return [f"{shown:,} of {count:,} {what} drawn"] if shown < count else []


def not_finite_lines(table: DataFrame, columns: Iterable[str]) -> list[str]:
    """Says how many values of a table have no place in a figure, if any."""
    count = sum(int((~np.isfinite(table[column].to_numpy(dtype=np.float64))).sum()) for column in columns)
    return [f"{count:,} value{'s' * (count != 1)} not finite, left out"] if count else []
