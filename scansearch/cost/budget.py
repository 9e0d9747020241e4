"""The costs that a space's budget is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scansearch.cost.flops import flops_table
from scansearch.cost.table import CostTable
from scansearch.space import Costs, SearchSpace


def costs_of(
    space: SearchSpace, spec: Any, *, num_classes: int, image_size: tuple[int, int], in_channels: int
) -> Costs | None:
    """What the budget of a space adds up, for one model; ``None`` without a budget.

    Args:
        space: The space.
        spec: The model that is searched.
        num_classes: Classes of the head.
        image_size: (height, width) of the images.
        in_channels: Colour channels of the images.

    Raises:
        ScansearchError: If the formula is unknown, the table cannot be read, or either is not for this model.
    """
    if space.budget is None:
        return None
    infos = spec.layers(image_size)
    grids = [info.grid for info in infos]
    if space.budget.table is not None:
        return CostTable.load(Path(space.budget.table)).costs(spec.name, grids)
    candidates = [space.of_layer(number, info.stage)[0] for number, info in enumerate(infos)]
    table = flops_table(
        spec,
        candidates,
        num_classes=num_classes,
        image_size=image_size,
        in_channels=in_channels,
        formula=str(space.budget.formula),
    )
    return table.costs(spec.name, grids)
