"""A budget over the whole genotype, in FLOPs or measured milliseconds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scansearch.errors import ScansearchError

STEPS = 1000


class Budget(BaseModel):
    """What a genotype may cost, as it stands in a space: with a FLOP formula, or with a table of measured costs.

    Either ``{limit = 1.5e9, formula = "vmamba"}`` (FLOPs of the whole network) or ``{limit = 12.0, table = "costs.json"}``
    (in the unit of the table, which ``scansearch bench --out costs.json`` writes).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: float = Field(gt=0, description="Largest cost of the whole network, in FLOPs or in the table's unit.")
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


@dataclass(frozen=True)
class Budgeted:
    """A budget on the layers of a model, in whole units, so that sums are exact.

    Integer costs (FLOPs) are taken as they are, divided by their greatest common divisor. Others are rounded up to a
    thousandth of what the choices may cost: a genotype within the budget never exceeds it.

    Args:
        limit: Whole units that the choices of all layers may cost together.
        unit_cost: What one unit stands for.
        costs: What everything costs.
        budget: The limit as given.
    """

    limit: int
    unit_cost: Fraction
    costs: Costs
    budget: float

    @classmethod
    def of(cls, limit: float, costs: Costs) -> Budgeted:
        """Puts costs and limit in whole units.

        Raises:
            ScansearchError: If the fixed part alone exceeds the limit.
        """
        left = Fraction(limit) - Fraction(costs.fixed)
        if left < 0:
            raise ScansearchError(
                f"the budget is {limit:,.6g} {costs.unit}, but without any direction the network costs "
                f"{costs.fixed:,.6g} {costs.unit} already; raise the budget or take a smaller model"
            )
        every = [cost for layer in costs.layers for cost in layer.values()]
        whole = all(float(cost).is_integer() for cost in every)
        unit = Fraction(max(math.gcd(*map(int, every)), 1)) if whole else left / STEPS or Fraction(1)
        return cls(int(left // unit), unit, costs, limit)

    def units(self, layer: int, candidates: Sequence[str]) -> tuple[int, ...]:
        """Cost of each candidate of a layer, rounded up to whole units."""
        try:
            return tuple(math.ceil(Fraction(self.costs.layers[layer][name]) / self.unit_cost) for name in candidates)
        except (KeyError, IndexError) as error:
            raise ScansearchError(
                f"the cost table has no cost for {error.args[0]!r} in layer {layer + 1}; make it for this model and space "
                "with `scansearch bench --model MODEL --space SPACE --out costs.json`"
            ) from error

    def total(self, units: int) -> float:
        """The cost of a network whose choices cost ``units``, in FLOPs or ms."""
        return float(Fraction(self.costs.fixed) + units * self.unit_cost)

    def describe(self, units: int) -> str:
        """The same in words."""
        return f"{self.total(units):,.6g} {self.costs.unit}"
