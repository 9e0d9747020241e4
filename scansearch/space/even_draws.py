"""Draws of genotypes that are spread over what genotypes cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from scansearch.lazy import torch
from scansearch.space.bound_space import BoundSpace, Choice
from scansearch.space.draws import below

BINS = 10


class EvenDraws:
    """Draws a cost first and then a genotype: nearly all genotypes cost about the same, and uniform draws pile up there.

    As SPOS samples under a limit (Guo et al., arXiv 1904.00420; its published code draws a bin of FLOPs first). Here there are ten
    bins of equal width, from the cheapest genotype of the space to the dearest; those that are empty are left out, and within a
    bin all genotypes are equally likely. Without a budget, a genotype costs as many units as it keeps directions.

    Args:
        space: What is drawn from.
    """

    def __init__(self, space: BoundSpace) -> None:
        self.space = space if space.budget is not None else _counted_by_directions(space)
        costs = sorted(self.space.counts)
        edges = [costs[0] + -(-number * (costs[-1] + 1 - costs[0]) // BINS) for number in range(BINS + 1)]
        bins = [range(low, high) for low, high in pairwise(edges)]
        self.bins = [one for one in bins if any(cost in one for cost in costs)]
        """Costs of each bin, in whole units; every one has a genotype."""

    def __call__(self, generator: torch.Generator | None = None, *, number: int | None = None) -> Choice:
        """A genotype.

        Args:
            generator: Where the random numbers come from; ``None`` is torch's global generator.
            number: Which bin it comes from, counted round and round; ``None`` draws one.
        """
        place = below(len(self.bins), generator) if number is None else number % len(self.bins)
        return self.space.sample(generator, within=self.bins[place])


def usual_draws(space: BoundSpace) -> Callable[[torch.Generator | None], Choice]:
    """How genotypes are drawn where nothing else is said: uniformly, or under a budget evenly over costs."""
    return space.sample if space.budget is None else EvenDraws(space)


def _counted_by_directions(space: BoundSpace) -> BoundSpace:
    layers = {id(layer): replace(layer, costs=(1,) * len(layer.candidates)) for layer in space}
    return replace(space, layers=tuple(layers[id(layer)] for layer in space))
