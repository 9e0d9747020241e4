"""FLOPs as a cost table; ``scansearch.models.flop_formulas`` says what each formula counts."""

from __future__ import annotations

from scansearch.cost.cost_table import CostTable, LayerCost
from scansearch.models import Directions, ImageShape, ModelSpec
from scansearch.models.flop_formulas import FORMULAS
from scansearch.registry import unknown_name


def flops_table(spec: ModelSpec, candidates: Directions, shape: ImageShape, *, formula: str = "vmamba") -> CostTable:
    """FLOPs of one image, by a named formula.

    Args:
        spec: A model whose family counts FLOPs.
        candidates: The directions of each layer that get a cost.
        shape: The images and the classes.
        formula: One of ``FORMULAS``.

    Returns:
        A table of integers.

    Raises:
        ScansearchError: If there is no such formula, or the number of layers is wrong.
        UnsupportedError: If the family of the model does not count FLOPs.
    """
    if formula not in FORMULAS:
        raise unknown_name("FLOP formula", formula, list(FORMULAS))
    flops, infos = spec.flops(FORMULAS[formula], candidates, shape), spec.layers(shape)
    layers = [
        LayerCost(grid=info.grid, base=layer.base, directions=layer.directions)
        for info, layer in zip(infos, flops.layers, strict=True)
    ]
    return CostTable(
        unit="FLOPs", source=formula, model=spec.name, image_size=shape.size, fixed=flops.fixed, layers=tuple(layers)
    )
