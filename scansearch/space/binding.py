"""From a space as written to the choices of each layer of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scansearch.errors import ScansearchError
from scansearch.scans import distinct
from scansearch.space.bound import BoundSpace
from scansearch.space.budget import Budgeted, Costs
from scansearch.space.layer import LayerSpace

if TYPE_CHECKING:
    from scansearch.space.space import SearchSpace


def bind(
    space: SearchSpace, grids: Sequence[tuple[int, int]], stages: Sequence[int], costs: Costs | None
) -> BoundSpace:
    """Binds a space to layers; see ``SearchSpace.bind``."""
    _check_numbers(space, len(grids), set(stages))
    layers = tuple(_layer(space, i, grid, stage) for i, (grid, stage) in enumerate(zip(grids, stages, strict=True)))
    if space.budget is None or costs is None:
        return BoundSpace(space.name, layers)
    budget = Budgeted.of(space.budget.limit, costs)
    priced = tuple(
        replace(layer, costs=budget.units(i, layer.candidates), limit=budget.limit) for i, layer in enumerate(layers)
    )
    bound = BoundSpace(space.name, priced, budget)
    if bound.size == 0:
        free = [replace(layer, limit=None) for layer in priced]
        cheapest = budget.describe(sum(min(layer.counts) for layer in free))
        raise ScansearchError(
            f"the budget is {space.budget.limit:,.6g} {costs.unit}, but the cheapest genotype of space {space.name!r} "
            f"costs {cheapest}; raise the budget, lower keep, or take a smaller model"
        )
    return bound


def _check_numbers(space: SearchSpace, depth: int, stages: set[int]) -> None:
    for kind, named, there in (("stage", space.stages, stages), ("layer", space.layers, set(range(depth)))):
        if foreign := sorted(set(named) - there):
            raise ScansearchError(
                f"space {space.name!r} says something about {kind}s.{foreign[0]}, but this model has {kind}s."
                f"{min(there)} to {kind}s.{max(there)}; choose another model or another space"
            )


def _layer(space: SearchSpace, number: int, grid: tuple[int, int], stage: int) -> LayerSpace:
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
