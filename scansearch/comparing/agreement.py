"""How far two genotypes agree, and what chance would give, exactly: hypergeometric laws, summed over layers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import numpy as np
from scipy.stats import hypergeom


def overlap_law(candidates: int, one: int, other: int) -> np.ndarray:
    """The law of a layer's overlap if names meant nothing: of two subsets, one drawn evenly among those of its size.

    Hypergeometric: the same as if the names in one of the two were permuted.

    Args:
        candidates: How many there are, N.
        one: How many the one keeps.
        other: How many the other keeps.

    Returns:
        Probabilities of 0, 1, ... min(one, other), float64.
    """
    return np.asarray(hypergeom.pmf(np.arange(min(one, other) + 1), candidates, one, other))


def sum_of(laws: Iterable[np.ndarray]) -> np.ndarray:
    """The law of the sum of independent numbers 0, 1, ..., of each of which the law is given."""
    return reduce(np.convolve, laws, np.ones(1))


def mean_of(law: np.ndarray) -> float:
    """The mean of a number 0, 1, ... of this law."""
    return float(law @ np.arange(len(law)))


def at_least(law: np.ndarray, observed: int) -> float:
    """The probability of ``observed`` or more: the exact one-sided p of an observation."""
    return float(min(1.0, law[observed:][::-1].sum()))
