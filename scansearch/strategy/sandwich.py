"""The sandwich rule (BigNAS, Yu et al., arXiv 2003.11142, section 3.2; slimmable networks, Yu & Huang, arXiv 1903.05134).

A step trains the largest sub-network by the labels; the smallest and some random ones learn its predictions on the same batch, and
the weights move once, by the sum of the gradients. Published: two random ones.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from pydantic import Field

from scansearch.space import BoundSpace, Choice, LayerSpace
from scansearch.space.paths import Rule
from scansearch.strategy.strategy import StrategySettings


class SandwichSettings(StrategySettings):
    """The setting of every strategy that trains a supernet."""

    sandwich: int = Field(
        0,
        ge=0,
        le=100,
        description="Sandwich rule (BigNAS): random sub-networks a step that learn, with one of the fewest directions, what the "
        "mixture of all predicts; 0: none.",
    )


class StudentDraws:
    """Draws the smaller sub-networks of a step.

    Args:
        space: What they satisfy, constraints and budget included.
    """

    def __init__(self, space: BoundSpace) -> None:
        self.space = space
        self._spaces = lru_cache(maxsize=1)(self._restricted)

    def draw(self, count: int, among: Choice | None = None) -> list[Choice]:
        """One of the fewest directions and ``count`` random ones, uniformly, with torch's global generator.

        Args:
            count: How many random ones.
            among: The candidates that each layer may use; a genotype of them must exist. ``None``: all.
        """
        smallest, every = self._spaces(among)
        return [smallest.sample(), *(every.sample() for _ in range(count))]

    def _restricted(self, among: Choice | None) -> tuple[BoundSpace, BoundSpace]:
        every = self.space
        if among is not None:
            every = replace(every, layers=tuple(map(_only, every.layers, among)))
        return fewest(every), every


def fewest(space: BoundSpace) -> BoundSpace:
    """The genotypes in which every layer keeps as few directions as it may; where a budget leaves none of them, all."""
    if all(layer.least == layer.most for layer in space):
        return space
    made = {id(layer): _fewest(layer) for layer in space}
    found = replace(space, layers=tuple(made[id(layer)] for layer in space))
    return found if found.size else space


def _fewest(layer: LayerSpace) -> LayerSpace:
    sizes = (replace(layer, most=most) for most in range(layer.least, layer.most))
    return next((smaller for smaller in sizes if smaller.size), layer)


def _only(layer: LayerSpace, kept: tuple[int, ...]) -> LayerSpace:
    gone = frozenset(frozenset({i}) for i in range(len(layer.candidates)) if i not in kept)
    return replace(layer, rules=(*layer.rules, Rule(gone, 0, 0))) if gone else layer
