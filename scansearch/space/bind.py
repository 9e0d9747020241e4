"""From a space as written to the choices of each layer of a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from scansearch.errors import ScansearchError
from scansearch.scans import distinct
from scansearch.space.bound_budget import STEPS, BoundBudget
from scansearch.space.bound_space import BoundSpace
from scansearch.space.budget import Budget, Costs
from scansearch.space.constraints import Count, FlipPairs
from scansearch.space.directions import MOST_LAYERS
from scansearch.space.layer import LayerSpace

MOST_VISITS = 1 << 27  # tokens of all candidates on all grids: each order is laid out once, 8 bytes a token
MOST_DIGITS = 4000  # of the number of genotypes: Python prints no number of more than 4,300
MOST_WORK = 500_000_000  # steps through the layers' choices times units of a budget


class _Unbound(Protocol):
    """What is read of a space: see ``SearchSpace``."""

    @property
    def name(self) -> str: ...

    @property
    def constraints(self) -> Sequence[FlipPairs | Count]: ...

    @property
    def budget(self) -> Budget | None: ...

    @property
    def stages(self) -> Mapping[int, Any]: ...

    @property
    def layers(self) -> Mapping[int, Any]: ...

    def of_layer(self, layer: int, stage: int) -> tuple[tuple[str, ...], tuple[int, int]]:
        """Candidates of a layer, and the fewest and the most it keeps."""


def bind(space: _Unbound, grids: Sequence[tuple[int, int]], stages: Sequence[int], costs: Costs | None) -> BoundSpace:
    """Binds a space to layers; see ``SearchSpace.bind``."""
    _check_numbers(space, len(grids), set(stages))
    _check_size(space, grids, stages)
    layers = _layers(space, grids, stages)
    if (digits := sum(math.log10(layer.size) for layer in layers)) > MOST_DIGITS:
        raise ScansearchError(
            f"space {space.name!r} has about 10^{digits:.0f} genotypes on the {len(layers):,} layers of this model, and at most "
            f"10^{MOST_DIGITS} are counted; lower keep, or take fewer candidates or layers"
        )
    if space.budget is None or costs is None:
        return BoundSpace(space.name, layers, tuple(stages))
    budget = BoundBudget.of(space.budget.limit, costs, [(layer.candidates, layer.most) for layer in layers])
    bound = BoundSpace(space.name, _priced(layers, budget), tuple(stages), budget)
    _check_work(bound, budget)
    if bound.size == 0:
        cheapest = budget.describe(sum(layer.cheapest for layer in bound))
        raise ScansearchError(
            f"the budget is {space.budget.limit:,.6g} {costs.unit}, but the cheapest genotype of space {space.name!r} "
            f"costs {cheapest}; raise the budget, lower keep, or take a smaller model"
        )
    return bound


def _layers(space: _Unbound, grids: Sequence[tuple[int, int]], stages: Sequence[int]) -> tuple[LayerSpace, ...]:
    """What each layer chooses from; layers that are alike share it, and all that is worked out for it."""
    made: dict[object, LayerSpace] = {}
    found = []
    for number, (grid, stage) in enumerate(zip(grids, stages, strict=True)):
        key = (grid, space.of_layer(number, stage))
        if key not in made:
            made[key] = _layer(space, number, grid, stage)
        found.append(made[key])
    return tuple(found)


def _priced(layers: Sequence[LayerSpace], budget: BoundBudget) -> tuple[LayerSpace, ...]:
    made: dict[object, LayerSpace] = {}
    found = []
    for number, layer in enumerate(layers):
        costs = budget.units(number, layer.candidates)
        key = (id(layer), costs)
        if key not in made:
            made[key] = replace(layer, costs=costs, limit=budget.limit)
        found.append(made[key])
    return tuple(found)


def _check_size(space: _Unbound, grids: Sequence[tuple[int, int]], stages: Sequence[int]) -> None:
    if len(grids) > MOST_LAYERS:
        raise ScansearchError(
            f"a space is laid out on at most {MOST_LAYERS:,} layers, but this model has {len(grids):,}; take a smaller depth"
        )
    wanted = {
        (name, grid)
        for number, (grid, stage) in enumerate(zip(grids, stages, strict=True))
        for name in space.of_layer(number, stage)[0]
    }
    if (visits := sum(height * width for _, (height, width) in wanted)) > MOST_VISITS:
        raise ScansearchError(
            f"the candidates of space {space.name!r} visit {visits:,} tokens on the grids of this model, and at most "
            f"{MOST_VISITS:,} are compared; use smaller images, larger patches or fewer candidates"
        )


def _check_work(bound: BoundSpace, budget: BoundBudget) -> None:
    units = min(budget.limit, STEPS) + 1
    work = sum(layer.paths.size for layer in {id(layer): layer for layer in bound}.values()) * units
    if work > MOST_WORK:
        raise ScansearchError(
            f"a budget is kept by looking at what the choices so far may cost, here {work:,} cases, and at most "
            f"{MOST_WORK:,} are looked at; lower keep, or take fewer candidates or constraints"
        )


def _check_numbers(space: _Unbound, depth: int, stages: set[int]) -> None:
    for kind, named, there in (("stage", space.stages, stages), ("layer", space.layers, set(range(depth)))):
        if foreign := sorted(set(named) - there):
            raise ScansearchError(
                f"space {space.name!r} says something about {kind}s.{foreign[0]}, but this model has {kind}s."
                f"{min(there)} to {kind}s.{max(there)}; choose another model or another space"
            )


def _layer(space: _Unbound, number: int, grid: tuple[int, int], stage: int) -> LayerSpace:
    names, (least, most) = space.of_layer(number, stage)
    first = distinct(names, *grid)
    kept = tuple(name for name in names if first[name] == name)
    if len(kept) < least or len(kept) == 1 < len(names):
        raise ScansearchError(_too_few(space.name, number, grid, least, names, kept))
    rules = tuple(constraint.rule(kept, grid) for constraint in space.constraints)
    merged = {name: target for name, target in first.items() if name != target}
    layer = LayerSpace(grid, kept, least, min(most, len(kept)), merged, rules)
    if layer.size == 0:
        wanted = "; ".join(map(str, space.constraints))
        raise ScansearchError(
            f"layer {number + 1} keeps {_range(least, most)} of {len(kept)} candidates ({', '.join(kept)}), but no choice "
            f"satisfies the constraints of space {space.name!r} ({wanted}); relax them, change keep, or add candidates"
        )
    return layer


def _too_few(
    space: str, number: int, grid: tuple[int, int], least: int, names: Sequence[str], kept: Sequence[str]
) -> str:
    size = f"{grid[0]} x {grid[1]}"
    if len(kept) == 1 and len(names) > 1:
        return (
            f"all {len(names)} candidates of space {space!r} coincide on the {size} grid of layer {number + 1}, so there is "
            "nothing to choose; use larger grids (smaller patches or larger images)"
        )
    return (
        f"layer {number + 1} keeps {least} directions, but only {len(kept)} candidates of space {space!r} "
        f"differ on its {size} grid ({', '.join(kept)}); lower keep or use larger grids"
    )


def _range(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"
