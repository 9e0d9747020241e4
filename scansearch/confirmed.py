"""What searches on separate halves of the images say of a genotype: as ``genotype.json`` has it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from scansearch.document_model import Record
from scansearch.space import MOST_CANDIDATES, MOST_LAYERS, at_most

MOST_PAIRS = 100
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
_Share = Annotated[float, Field(ge=0, le=1, strict=True)]
_Count = Annotated[int, Field(ge=1, le=2 * MOST_PAIRS, strict=True)]


class ConfirmedLayer(Record):
    """What the halves say of one layer."""

    model_config = ConfigDict(json_schema_extra={"description": "What the halves say of one layer."})

    directions: Annotated[tuple[str, ...], at_most(MOST_CANDIDATES, "directions")] = Field(
        description="Directions that the layer keeps and that are confirmed."
    )
    halves: Annotated[dict[str, _Count], at_most(MOST_CANDIDATES, "directions")] = Field(
        description="How many halves chose each direction; those that none chose are left out."
    )
    overlap: _Amount = Field(description="Directions that both halves of a pair chose; of several pairs, the mean.")
    most: _Amount = Field(description="How many these could be.")
    chance: _Amount = Field(description="How many they would be if halves chose at random.")
    p: _Share = Field(description="How probable such an overlap is by chance, in this layer alone.")


class Confirmed(Record):
    """What two searches on separate halves of the images agree on."""

    model_config = ConfigDict(
        json_schema_extra={"description": "What searches on separate halves of the images agree on."}
    )

    pairs: int = Field(ge=1, le=MOST_PAIRS, strict=True, description="Pairs of halves that were searched.")
    epochs: int = Field(ge=1, strict=True, description="Epochs of each half.")
    overlap: _Amount = Field(description="Directions that both halves of a pair chose, over all layers.")
    most: _Amount = Field(description="How many these could be.")
    chance: _Amount = Field(description="How many they would be if halves chose at random.")
    p: _Share = Field(description="How probable such an overlap, or a larger one, is by chance.")
    law: Literal["exact", "drawn"] = Field(description="Whether p is exact, or comes from random draws.")
    level: _Share = Field(description="The largest p at which anything counts as confirmed.")
    needed: int = Field(
        ge=1, strict=True, description="How many halves must choose a direction for it to be confirmed."
    )
    by_chance: _Amount | None = Field(
        None,
        description="How many directions so many halves would choose if each chose at random, where that has a formula.",
    )
    bound: _Amount | None = Field(
        None,
        description="Of several pairs: the most directions, in the mean, that a half prefers no more than chance would.",
    )
    layers: Annotated[tuple[ConfirmedLayer, ...], at_most(MOST_LAYERS, "layers")] = Field(
        description="One entry a layer, first layer first."
    )

    @property
    def beyond_chance(self) -> bool:
        """Whether the halves agree more than chance would have them."""
        return self.p <= self.level

    def decides(self, layer: int, name: str, *, kept: bool) -> bool:
        """Whether the halves bear out that a direction is kept, or is left out.

        Args:
            layer: Number of the layer, from 0.
            name: The direction.
            kept: Whether the genotype keeps it.
        """
        found = self.layers[layer]
        if kept:
            return name in found.directions
        return self.beyond_chance and found.halves.get(name, 0) <= 2 * self.pairs - self.needed
