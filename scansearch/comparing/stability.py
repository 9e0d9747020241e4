"""Claims about single directions, from complementary pairs of halves: stability selection."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from scansearch.comparing.agreement import at_least, sum_of


def by_chance(candidates: int, kept: Sequence[int], needed: int) -> float:
    """How many directions of a layer enough halves would choose, in the mean, if each half chose at random.

    A half chooses a direction with probability ``kept / candidates``; how many halves do has the binomial law, if all keep as
    many.

    Args:
        candidates: Candidates of the layer.
        kept: How many each half keeps.
        needed: How many halves must choose a direction.
    """
    return candidates * at_least(sum_of(np.array([1 - k / candidates, k / candidates]) for k in kept), needed)


def most_by_chance(candidates: int, kept: int, share: float) -> float:
    """The most directions of a layer, in the mean, that enough halves choose though a half prefers them no more than chance.

    That is, of those which a half chooses with probability theta = ``kept / candidates`` at most: theta / (2 tau - 1) times the
    number that a half keeps (Shah and Samworth, arXiv 1105.5578, theorem 1), whatever the search and the images. It says nothing
    where it is as much as the layer keeps.

    Args:
        candidates: Candidates of the layer.
        kept: How many a half keeps.
        share: tau, the share of the halves that must choose a direction, above 1/2; the halves are in complementary pairs.
    """
    return min(1.0, kept / candidates / (2 * share - 1)) * kept


def joint_p(values: Sequence[float]) -> float:
    """One p of several tests of one thing, however they depend on each other: twice their median; one alone as it is.

    Meinshausen, Meier and Buehlmann, arXiv 0811.2177, for the quantile 1/2.
    """
    return values[0] if len(values) == 1 else min(1.0, 2 * median(values))
