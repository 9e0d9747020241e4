"""Instead of a genotype that was judged, one near it: a judge would say the same again."""

from __future__ import annotations

from collections.abc import Collection

from scansearch.lazy import torch
from scansearch.space import BoundSpace, Choice

TRIES = 100


def near(space: BoundSpace, choice: Choice, taken: Collection[Choice], random: torch.Generator) -> Choice:
    """The first genotype that is not taken on a walk from ``choice``, which draws a layer or more anew each time.

    After 100 steps it ends with one that is taken. Where all of the space are taken, it does not begin.

    Args:
        space: What is walked in.
        choice: Where the walk begins.
        taken: Genotypes of the space.
        random: Where random numbers come from.
    """
    for _ in range(TRIES if len(taken) < space.size else 0):
        if choice not in taken:
            break
        choice = space.mutate(choice, random)
    return choice
