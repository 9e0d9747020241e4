"""Exact random draws from torch's generators: the numbers of genotypes are far beyond 64 bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from scansearch.lazy import torch

WORD = 32
T = TypeVar("T")


def below(limit: int, generator: torch.Generator | None) -> int:
    """A uniform integer in [0, limit), exact for every size; ``None`` draws from torch's global generator."""
    words = -(-limit.bit_length() // WORD)
    while True:
        drawn = 0
        for word in torch.randint(0, 1 << WORD, (words,), generator=generator).tolist():
            drawn = drawn << WORD | word
        drawn >>= words * WORD - limit.bit_length()
        if drawn < limit:
            return drawn


def pick(items: Sequence[T], weights: Sequence[int], generator: torch.Generator | None) -> T:
    """One of ``items``, with probability in proportion to its integer weight."""
    place = below(sum(weights), generator)
    for item, weight in zip(items, weights, strict=True):
        if place < weight:
            return item
        place -= weight
    raise AssertionError("unreachable: the place lies below the sum of the weights")


def chance(rate: float, generator: torch.Generator | None) -> bool:
    """True with probability ``rate``."""
    return float(torch.rand((), generator=generator, dtype=torch.float64)) < rate
