"""The best of what layers may keep together, where the sum of what they cost is limited."""

from __future__ import annotations

from collections.abc import Sequence

from scansearch.space.algebras import Best
from scansearch.space.paths import Subset

Found = dict[int, tuple[int, tuple[Subset, ...]]]
"""For a cost, the largest value that it buys, and what each layer keeps for it."""


def best_within(fronts: Sequence[Best], limit: int) -> tuple[Subset, ...]:
    """What each layer keeps so that the sum of the values is the largest within the limit, exactly.

    Args:
        fronts: The best subset for every cost, layer by layer.
        limit: What all layers together may cost; something must cost no more.
    """
    found: Found = {0: (0, ())}
    for front in fronts:
        after: Found = {}
        for spent, (total, chosen) in found.items():
            for cost, (value, choice) in front.items():
                new, at = (total + value, (*chosen, choice)), spent + cost
                if at <= limit and (at not in after or new[0] > after[at][0]):
                    after[at] = new
        found = _front(after)
    return max(found.values(), key=lambda entry: entry[0])[1]


def _front(found: Found) -> Found:
    front: Found = {}
    best: int | None = None
    for cost in sorted(found):
        if best is None or found[cost][0] > best:
            front[cost], best = found[cost], found[cost][0]
    return front
