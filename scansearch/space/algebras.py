"""What is computed over the subsets of a layer: their number by cost, and the best of every cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scansearch.space.paths import Subset

Counts = dict[int, int]
"""Number of subsets by their cost."""
Best = dict[int, tuple[int, Subset]]
"""For a cost, in ascending order: the largest value that it buys, and the subset of that value."""


@dataclass(frozen=True)
class Counting:
    """Counts subsets by cost.

    Args:
        costs: Cost of each candidate.
        limit: Dearer subsets do not count; ``None`` counts all.
    """

    costs: Sequence[int]
    limit: int | None = None

    def end(self) -> Counts:
        """One way to decide nothing, free of charge."""
        return {0: 1}

    def extend(self, option: Subset, rest: Counts) -> Counts:
        """Adds the cost of ``option``."""
        more = sum(self.costs[i] for i in option)
        return {cost + more: n for cost, n in rest.items() if self.limit is None or cost + more <= self.limit}

    def merge(self, one: Counts, other: Counts) -> Counts:
        """Adds the numbers of equal cost."""
        return {cost: one.get(cost, 0) + other.get(cost, 0) for cost in one.keys() | other.keys()}


@dataclass(frozen=True)
class Cheapest:
    """Finds the least cost of a subset.

    Args:
        costs: Cost of each candidate.
    """

    costs: Sequence[int]

    def end(self) -> int:
        """Nothing costs nothing."""
        return 0

    def extend(self, option: Subset, rest: int) -> int:
        """Adds the cost of ``option``."""
        return rest + sum(self.costs[i] for i in option)

    def merge(self, one: int, other: int) -> int:
        """The lesser of both."""
        return min(one, other)


@dataclass(frozen=True)
class Maximum:
    """Finds the subset of the largest value for every cost; of equal ones that with the earlier candidates.

    Args:
        costs: Cost of each candidate.
        values: Value of each candidate; integers, so that sums are exact.
        limit: Dearer subsets are left out.
    """

    costs: Sequence[int]
    values: Sequence[int]
    limit: int | None = None

    def end(self) -> Best:
        """Nothing, worth nothing."""
        return {0: (0, ())}

    def extend(self, option: Subset, rest: Best) -> Best:
        """Adds ``option`` to every subset."""
        more, gain = sum(self.costs[i] for i in option), sum(self.values[i] for i in option)
        return {
            cost + more: (value + gain, tuple(sorted((*option, *chosen))))
            for cost, (value, chosen) in rest.items()
            if self.limit is None or cost + more <= self.limit
        }

    def merge(self, one: Best, other: Best) -> Best:
        """The better of both at every cost, without those that a cheaper one equals.

        Both end in one state, hold as many candidates then, and go on alike: what is no better now never will be.
        """
        merged = dict(one)
        for cost, found in other.items():
            if cost not in merged or better(found, merged[cost]):
                merged[cost] = found
        front: Best = {}
        last: tuple[int, Subset] | None = None
        for cost in sorted(merged):
            if last is None or better(merged[cost], last):
                front[cost] = last = merged[cost]
        return front


def better(found: tuple[int, Subset], than: tuple[int, Subset]) -> bool:
    """Whether the first is worth more, or as much with earlier candidates."""
    return found[0] > than[0] or (found[0] == than[0] and found[1] < than[1])
