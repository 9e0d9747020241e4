"""The costs that a space's budget is about."""

from __future__ import annotations

from pathlib import Path

from scansearch.cost.cost_table import CostTable
from scansearch.cost.flop_costs import flops_table
from scansearch.models import ImageShape, ModelSpec
from scansearch.space import Costs, SearchSpace


def costs_of(space: SearchSpace, spec: ModelSpec, shape: ImageShape) -> Costs | None:
    """What the budget of a space adds up, for one model; ``None`` without a budget.

    Args:
        space: The space.
        spec: The model that is searched.
        shape: The images and the classes.

    Raises:
        ScansearchError: If the formula is unknown, the table cannot be read, or either is not for this model.
    """
    if space.budget is None:
        return None
    infos = spec.layers(shape)
    grids = [info.grid for info in infos]
    if space.budget.table is not None:
        return CostTable.load(Path(space.budget.table)).costs(spec.name, grids)
    candidates = [space.of_layer(number, info.stage)[0] for number, info in enumerate(infos)]
    return flops_table(spec, candidates, shape, formula=str(space.budget.formula)).costs(spec.name, grids)
