"""Instead of a genotype that was judged, one near it: a judge would say the same again."""

from __future__ import annotations

from collections.abc import Container

from scansearch.lazy import torch
from scansearch.space import BoundSpace, Choice

TRIES = 100


def near(space: BoundSpace, choice: Choice, taken: Container[Choice], random: torch.Generator) -> Choice:
    """The first genotype that is not taken on a walk from ``choice``, which draws a layer or more anew each time.

    After 100 steps it ends with one that is taken: a space may have no other.
    """
    for _ in range(TRIES):
        if choice not in taken:
            break
        choice = space.mutate(choice, random)
    return choice
