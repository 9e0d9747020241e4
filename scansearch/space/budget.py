"""A budget over the whole genotype, in FLOPs or measured milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Budget(BaseModel):
    """What a genotype may cost, as it stands in a space: with a FLOP formula, or with a table of measured costs.

    Either ``{limit = 1.5e9, formula = "vmamba"}`` (FLOPs of the whole network) or ``{limit = 12.0, table = "costs.json"}``
    (in the unit of the table, which ``scansearch bench --out costs.json`` writes).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: float = Field(
        gt=0,
        strict=True,
        allow_inf_nan=False,
        description="Largest cost of the whole network, in FLOPs or in the table's unit.",
    )
    formula: str | None = Field(None, description="How FLOPs are counted.")
    table: str | None = Field(None, description="A cost table, as `scansearch bench` writes it.")

    @model_validator(mode="after")
    def _one_source(self) -> Budget:
        if (self.formula is None) == (self.table is None):
            raise ValueError(
                "a budget takes either formula (FLOPs) or table (measured costs), exactly one of them, for example "
                '{limit = 1.5e9, formula = "vmamba"}'
            )
        return self


@dataclass(frozen=True)
class Costs:
    """What the network of a genotype costs: a fixed part, and one part for each direction kept.

    Args:
        unit: ``"FLOPs"`` or ``"ms"``.
        fixed: Everything that no choice changes.
        layers: For each layer, the cost of each of its candidates.
    """

    unit: Literal["FLOPs", "ms"]
    fixed: float
    layers: Sequence[Mapping[str, float]]
