"""What every direction of every layer costs, as data."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
)

from scansearch.document_model import DocumentModel
from scansearch.documents import checked, read_json
from scansearch.errors import ScansearchError
from scansearch.space import JSON_SCHEMA_DIALECT, MOST_CANDIDATES, MOST_LAYERS, Costs, Side, at_most

MOST_COST = 2**63  # so that sums over all layers stay far within the range of floats
COST_SCHEMA: Literal["scansearch/cost/1"] = "scansearch/cost/1"


def _amount(value: object) -> object:
    """Says what a cost is before pydantic tries integers and floats in turn and complains about both."""
    if type(value) not in (int, float) or not 0 <= value < math.inf:  # type: ignore[operator]
        raise ValueError("a cost is a finite number of at least 0")
    if value >= MOST_COST:  # type: ignore[operator]
        raise ValueError("a cost is less than 2^63 (9.2e18)")
    return value


Amount = Annotated[
    int | float,
    BeforeValidator(_amount),
    WithJsonSchema({"type": "number", "minimum": 0, "exclusiveMaximum": float(MOST_COST)}),
]
"""A cost. Integers stay integers, so that sums of FLOPs are exact."""


class LayerCost(BaseModel):
    """What one layer costs: its base, whatever it runs, and every direction that it keeps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grid: tuple[Side, Side] = Field(description="Rows and columns of the layer's tokens.")
    base: Amount = Field(description="Cost of the layer without any direction.")
    directions: Annotated[dict[Annotated[str, Field(min_length=1)], Amount], at_most(MOST_CANDIDATES, "costs")] = Field(
        description="Cost of each direction.", json_schema_extra={"minProperties": 1, "maxProperties": MOST_CANDIDATES}
    )

    @field_validator("directions")
    @classmethod
    def _some_directions(cls, directions: dict[str, Any]) -> dict[str, Any]:
        if not directions:
            raise ValueError("a layer has costs for at least one direction")
        return directions


class CostTable(DocumentModel):
    """Cost of a genotype = fixed + sum over layers of (base + sum over the directions that the layer keeps).

    Examples:
        >>> layer = {"grid": [8, 8], "base": 100, "directions": {"h": 20, "w2": 25}}
        >>> table = CostTable(unit="FLOPs", source="mine", model="m", image_size=(32, 32), fixed=50, layers=[layer])
        >>> table.cost([["h", "w2"]])
        195
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "$schema": JSON_SCHEMA_DIALECT,
            "$id": "urn:scansearch:cost:1",
            "title": "scansearch cost table, version 1",
            "description": "What every direction of every layer of a model costs.",
        },
    )

    schema_: Literal["scansearch/cost/1"] = Field(default=COST_SCHEMA, alias="schema")
    unit: Literal["FLOPs", "ms"] = Field(description="FLOPs of one image, or milliseconds of one batch.")
    source: str = Field(min_length=1, description="The FLOP formula, or what was measured and on which machine.")
    model: str = Field(min_length=1, description="Model that it is the cost of.")
    image_size: tuple[Side, Side] = Field(description="Height and width of the images.")
    fixed: Amount = Field(description="Cost of everything outside of the layers.")
    layers: Annotated[tuple[LayerCost, ...], at_most(MOST_LAYERS, "layers")] = Field(
        description="One entry a layer, first layer first.", json_schema_extra={"minItems": 1, "maxItems": MOST_LAYERS}
    )
    spread: Amount | None = Field(
        None, description="Measured costs: interquartile range of one network's time over the rounds."
    )
    residual: Amount | None = Field(
        None, description="Measured costs: root mean square of measured time minus sum of the table's costs."
    )

    @field_validator("layers")
    @classmethod
    def _some_layers(cls, layers: tuple[LayerCost, ...]) -> tuple[LayerCost, ...]:
        if not layers:
            raise ValueError("a cost table has at least one layer")
        return layers

    def cost(self, directions: Sequence[Sequence[str]]) -> float:
        """Cost of the network that runs these directions, in ``unit``; an integer if the table holds integers.

        Raises:
            ScansearchError: If the number of layers is wrong, or a layer has no cost for one of its directions.
        """
        if len(directions) != len(self.layers):
            raise ScansearchError(
                f"this cost table has {len(self.layers)} layers, but directions for {len(directions)} were given; "
                f"make one for that model with `scansearch bench`"
            )
        parts = zip(self.layers, directions, strict=True)
        return self.fixed + sum(_layer_cost(number, layer, names) for number, (layer, names) in enumerate(parts))

    def costs(self, model: str, grids: Sequence[tuple[int, int]]) -> Costs:
        """The same costs as ``SearchSpace.bind`` takes them, for a budget.

        Args:
            model: Name of the model that they are wanted for.
            grids: Rows and columns of the tokens of each of its layers.

        Raises:
            ScansearchError: If the table is another model's, or its layers have other grids.
        """
        own = [layer.grid for layer in self.layers]
        if model != self.model or list(grids) != own:
            raise ScansearchError(
                f"this cost table is for {self.model} with {_grids(own)}, but the model is {model} with {_grids(grids)}; "
                "make one with `scansearch bench` for this model and image size"
            )
        fixed = self.fixed + sum(layer.base for layer in self.layers)
        return Costs(self.unit, fixed, [layer.directions for layer in self.layers])

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON data."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_json(self) -> str:
        """The table as JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, data: object, source: str = "cost table") -> CostTable:
        """Reads and checks a table; problems come as one line that begins with ``source``."""
        return checked(cls, data, source)

    @classmethod
    def load(cls, path: str | Path) -> CostTable:
        """Reads a table from a JSON file, as `scansearch bench --out` writes it."""
        return cls.from_dict(read_json(Path(path), "cost table"), str(path))


def _layer_cost(number: int, layer: LayerCost, names: Sequence[str]) -> float:
    if foreign := [name for name in names if name not in layer.directions]:
        raise ScansearchError(
            f"this cost table has no cost for {foreign[0]!r} in layer {number + 1}, only for "
            f"{', '.join(layer.directions)}; make one with `scansearch bench --space SPACE`"
        )
    return layer.base + sum(layer.directions[name] for name in names)


def _grids(grids: Sequence[tuple[int, int]]) -> str:
    kinds = [f"{height} x {width}" for height, width in dict.fromkeys(grids)]
    return f"{len(grids)} layers of {', '.join(kinds)} tokens"
