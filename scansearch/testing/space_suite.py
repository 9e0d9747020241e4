"""The conformance suite for search spaces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, product

import torch

from scansearch.scans import ScanOrder
from scansearch.space import BoundSpace, Choice, SearchSpace
from scansearch.space.views import from_parameters, optuna_distributions, to_parameters
from scansearch.testing.requirement import one_line, require, required

GRIDS = ((8, 8), (14, 14), (7, 5))
DRAWS = 20
TRANSLATED = 2
"""Neighbours of a genotype that are encoded and translated, too: it takes long in a wide space, and they are genotypes as any."""
MOST_COUNTED = 2000


def check_space(
    space: SearchSpace, grids: Sequence[tuple[int, int]] | None = None, stages: Sequence[int] | None = None
) -> None:
    """Checks that a space can be searched: everything that strategies and exporters do with it.

    It survives JSON, names no direction twice under two names, and binds to the grids. There, what is sampled, mutated,
    crossed, moved, encoded and translated for Optuna stays in the space and comes back unchanged; ``best`` is no worse than
    any sample; and where there are few genotypes, exactly as many as ``size`` says. A budget is left aside: it is a
    property of a model.

    Args:
        space: The space.
        grids: Rows and columns of the tokens of each layer of your model; by default of one with 8 x 8, 14 x 14 and 7 x 5.
        stages: Stage of each layer; by default as many layers as the space has stages, one each.

    Raises:
        AssertionError: If something does not hold; the message says what.
    """
    require(one_line(space.description), f"the description must be one line, but it is {space.description!r}")
    with required("read back from JSON"):
        again = SearchSpace.from_dict(space.model_dump(mode="json", by_alias=True))
    require(again == space, "the space changes when it is written as JSON and read back")
    _check_names(space)
    last = max([0, *space.stages, *space.layers])
    grids = list(grids or (GRIDS[i % len(GRIDS)] for i in range(max(len(GRIDS), last + 1))))
    if stages is None:
        stages = [min(i, max(space.stages, default=0)) for i in range(len(grids))]
    with required("bound to the grids"):
        bound = space.bind(grids, stages)
    _check_moves(bound)
    _check_best(bound)
    if bound.size <= MOST_COUNTED:
        every = set(product(*(layer.choices() for layer in bound)))
        require(len(every) == bound.size, f"size says {bound.size:,} genotypes, but there are {len(every):,}")


def _check_names(space: SearchSpace) -> None:
    first: dict[str, str] = {}
    for name in space.all_candidates:
        with required("a candidate"):
            twin = first.setdefault(ScanOrder(name).canonical, name)
        require(twin == name, f"candidates {twin!r} and {name!r} are the same order on every grid; drop one")


def _check_moves(bound: BoundSpace) -> None:
    generator = torch.Generator().manual_seed(0)
    one = bound.sample(generator)
    for _ in range(DRAWS):
        other = bound.sample(generator)
        _check_genotype(bound, other, "a sampled genotype")
        require(bound.distance(one, other) == bound.distance(other, one), "distance is not symmetric")
        require((bound.distance(one, other) == 0) == (one == other), "distance is zero between different genotypes")
        _check_genotype(bound, bound.mutate(one, generator), "a mutated genotype")
        _check_genotype(bound, bound.crossover(one, other, generator), "a crossed genotype")
        for number, near in enumerate(islice(bound.neighbours(other), DRAWS)):
            require(bound.allows(near), f"a neighbour is not in the space: {near}")
            require(bound.distance(other, near) == 1, "a neighbour is more than one move away")
            if number < TRANSLATED:
                _check_genotype(bound, near, "a neighbour")
        one = other


def _check_genotype(bound: BoundSpace, choice: Choice, what: str) -> None:
    require(bound.allows(choice), f"{what} is not in the space: {choice}")
    require(bound.decode(bound.encode(choice)) == choice, f"{what} changes when encoded and decoded: {choice}")
    require(bound.choice(bound.directions(choice)) == choice, f"{what} changes when named and read: {choice}")
    values = to_parameters(bound, choice)
    require(from_parameters(bound, values) == choice, f"{what} changes when translated for Optuna: {choice}")
    require(set(values) == set(optuna_distributions(bound)), f"{what} has other parameters than Optuna's distributions")


def _check_best(bound: BoundSpace) -> None:
    generator = torch.Generator().manual_seed(1)
    scores = [torch.rand(len(layer.candidates), generator=generator, dtype=torch.float64) for layer in bound]
    best = bound.best(scores, threshold=0.0)
    _check_genotype(bound, best, "the best genotype")
    for _ in range(DRAWS):
        other = bound.sample(generator)
        require(_total(scores, best) >= _total(scores, other) - 1e-12, f"{other} scores more than the best, {best}")


def _total(scores: Sequence[torch.Tensor], choice: Choice) -> float:
    return sum(float(values[list(kept)].sum()) for values, kept in zip(scores, choice, strict=True))
