"""What chance would give where no formula says it: under constraints, or a budget that ties the layers to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from scansearch.space import BoundSpace, Choice

DRAWS = 10_000


def sized_like(space: BoundSpace, choice: Choice) -> BoundSpace:
    """The part of a space whose genotypes keep as many directions in each layer as one of them.

    Args:
        space: The space on the model's layers.
        choice: One of its genotypes, for the numbers of directions.
    """
    layers = tuple(
        replace(layer, least=len(kept), most=len(kept)) for layer, kept in zip(space.layers, choice, strict=True)
    )
    return replace(space, layers=layers)


def drawn_like(space: BoundSpace, choice: Choice, seed: int, draws: int = DRAWS) -> list[Choice]:
    """Genotypes drawn evenly among all that the space allows and that keep as many directions in each layer.

    Without constraints and budget this permutes the names of the directions within each layer; with them, a permutation would
    leave the space, and what the space forces would pass for agreement.

    Args:
        space: The space on the model's layers.
        choice: One of its genotypes, for the numbers of directions.
        seed: Seed of the draws.
        draws: How many.
    """
    sized, generator = sized_like(space, choice), torch.Generator().manual_seed(seed)
    return [sized.sample(generator) for _ in range(draws)]


def overlaps_with(choice: Choice, drawn: Sequence[Choice]) -> np.ndarray:
    """The overlaps of a genotype with others, layer by layer, int64 (draws, layers)."""
    kept = [frozenset(layer) for layer in choice]
    return np.array([[len(kept[i].intersection(layer)) for i, layer in enumerate(other)] for other in drawn])


def drawn_p(drawn: np.ndarray, observed: int) -> float:
    """The p of an observation among draws of chance: never 0, and valid for any number of draws.

    Phipson and Smyth, arXiv 1603.05766.

    Args:
        drawn: Totals that chance gave, (draws,).
        observed: What was seen.
    """
    return float((1 + np.count_nonzero(drawn >= observed)) / (1 + len(drawn)))
