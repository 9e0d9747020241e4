"""Numbers of choices by their cost: of several layers together, and up to a limit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from scansearch.space.algebras import Counts

MOST_DENSE = 1 << 14  # costs up to which the numbers are laid out one after the other, those of nothing too


def convolve(one: Counts, other: Counts, limit: int | None) -> Counts:
    """Numbers of pairs by the sum of their costs, without those beyond the limit."""
    if not one or not other:
        return {}
    highest = max(one) + max(other)
    product = _dense(one, other, highest) if highest < MOST_DENSE else _sparse(one, other)
    return {cost: n for cost, n in product if n and (limit is None or cost <= limit)}


def _dense(one: Counts, other: Counts, highest: int) -> Iterable[tuple[int, int]]:
    """The numbers as digits of one large number (Kronecker's substitution): Python multiplies those fastest."""
    width = (sum(one.values()) * sum(other.values())).bit_length() // 8 + 1
    product = (_written(one, width) * _written(other, width)).to_bytes(width * (highest + 1), "little")
    return ((cost, int.from_bytes(product[cost * width : (cost + 1) * width], "little")) for cost in range(highest + 1))


def _written(counts: Counts, width: int) -> int:
    digits = bytearray(width * (max(counts) + 1))
    for cost, n in counts.items():
        digits[cost * width : (cost + 1) * width] = n.to_bytes(width, "little")
    return int.from_bytes(digits, "little")


def _sparse(one: Counts, other: Counts) -> Iterable[tuple[int, int]]:
    product: Counts = {}
    for cost, n in one.items():
        for more, m in other.items():
            product[cost + more] = product.get(cost + more, 0) + n * m
    return product.items()


class RunningSums:
    """How many choices cost at most so much.

    Args:
        counts: Number of choices by cost.
    """

    def __init__(self, counts: Counts) -> None:
        self.costs = sorted(counts)
        self.sums = list(accumulate(counts[cost] for cost in self.costs))

    def at_most(self, limit: int | None) -> int:
        """Number of choices that cost at most ``limit``; of all without one."""
        place = len(self.costs) if limit is None else bisect_right(self.costs, limit)
        return self.sums[place - 1] if place else 0
