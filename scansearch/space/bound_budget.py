"""A budget on the layers of a model, in whole units."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from scansearch.errors import ScansearchError
from scansearch.space.budget import Costs

STEPS = 4000  # of the grid to which costs are rounded up where sums of them as they are would be too many
MOST_ROUNDED = STEPS // 10  # directions: each loses up to a step, all together a tenth of the budget
MOST_SUMS = 2_000_000  # sums of costs that are looked at to find out whether there are few of them


@dataclass(frozen=True)
class BoundBudget:
    """A budget on the layers of a model, in whole units, so that sums are exact.

    Integer costs (FLOPs) are taken as they are, divided by their greatest common divisor, where their sums are few: no more
    than 4,000 units, or found by 2 million additions. Others, and milliseconds, are rounded up to 4,000 steps of what the
    choices may cost: a genotype within the budget never exceeds it.

    Args:
        limit: Whole units that the choices of all layers may cost together.
        unit_cost: What one unit stands for.
        costs: What everything costs.
        budget: The limit as given.
        rounded: Directions that a genotype may keep, if each one's cost is rounded up to whole units; 0 if costs are exact.
    """

    limit: int
    unit_cost: Fraction
    costs: Costs
    budget: float
    rounded: int = 0

    @classmethod
    def of(cls, limit: float, costs: Costs, layers: Sequence[tuple[Sequence[str], int]]) -> BoundBudget:
        """Puts costs and limit in whole units.

        Args:
            limit: What the whole network may cost.
            costs: What everything costs.
            layers: The candidates of each layer, and how many of them it keeps at most.

        Raises:
            ScansearchError: If a cost is missing, the fixed part alone exceeds the limit, or the costs must be rounded and a
                genotype may keep too many directions for that.
        """
        prices = [[_price(costs, number, name) for name in names] for number, (names, _) in enumerate(layers)]
        left = Fraction(limit) - Fraction(costs.fixed)
        if left < 0:
            raise ScansearchError(
                f"the budget is {limit:,.6g} {costs.unit}, but without any direction the network costs "
                f"{costs.fixed:,.6g} {costs.unit} already; raise the budget or take a smaller model"
            )
        kept = [most for _, most in layers]
        dearest = sum((_dearest(own, most) for own, most in zip(prices, kept, strict=True)), Fraction(0))
        room = min(left, dearest)
        unit = _common(prices)
        if unit is not None and (room <= STEPS * unit or _sums_are_few(prices, kept, unit, room)):
            return cls(int(room // unit), unit, costs, limit)
        unit = room / STEPS or Fraction(1)
        count = _affordable(prices, kept, left)
        if count > MOST_ROUNDED:
            raise ScansearchError(
                f"costs under a budget are rounded up to one of {STEPS:,} steps, for which a genotype may keep at most "
                f"{MOST_ROUNDED} directions, but this budget allows {count:,}; lower keep, or give costs as multiples of a "
                "larger whole number"
            )
        steps = [[Fraction(math.ceil(price / unit)) for price in own] for own in prices]
        every = sum(int(_dearest(own, most)) for own, most in zip(steps, kept, strict=True))
        return cls(every if left >= dearest else int(left // unit), unit, costs, limit, count)

    def units(self, layer: int, candidates: Sequence[str]) -> tuple[int, ...]:
        """Cost of each candidate of a layer, rounded up to whole units."""
        return tuple(math.ceil(_price(self.costs, layer, name) / self.unit_cost) for name in candidates)

    def notes(self) -> list[str]:
        """By how much costs are rounded, if they are."""
        if not self.rounded:
            return []
        step, all_steps = float(self.unit_cost), float(self.rounded * self.unit_cost)
        return [
            f"the budget counts in steps of {step:,.3g} {self.costs.unit}, to which the cost of each direction is rounded up: "
            f"it is never exceeded, but what comes within {all_steps:,.3g} {self.costs.unit} of it may be left out"
        ]

    def exact(self, directions: Sequence[Sequence[str]]) -> float:
        """The cost of the network that keeps these directions, as it is, in FLOPs or ms."""
        kept = (_price(self.costs, layer, name) for layer, names in enumerate(directions) for name in names)
        return float(sum(kept, Fraction(self.costs.fixed)))

    def total(self, units: int) -> float:
        """The cost of a network whose choices cost ``units``, in FLOPs or ms."""
        return float(Fraction(self.costs.fixed) + units * self.unit_cost)

    def describe(self, units: int) -> str:
        """The same in words."""
        return f"{self.total(units):,.6g} {self.costs.unit}"


def _price(costs: Costs, layer: int, name: str) -> Fraction:
    try:
        price = costs.layers[layer][name]
    except (KeyError, IndexError) as error:
        raise ScansearchError(
            f"the cost table has no cost for {error.args[0]!r} in layer {layer + 1}; make it for this model and space "
            "with `scansearch bench --model MODEL --space SPACE --out costs.json`"
        ) from error
    if not 0 <= price < math.inf:
        raise ScansearchError(f"a cost is a finite number of at least 0, but {name} costs {price} in layer {layer + 1}")
    return Fraction(price)


def _dearest(prices: Sequence[Fraction], most: int) -> Fraction:
    return sum(sorted(prices)[-most:], Fraction(0))


def _affordable(prices: Sequence[Sequence[Fraction]], kept: Sequence[int], left: Fraction) -> int:
    """Directions that a genotype may keep at most within a budget."""
    cheap = sorted(price for own, most in zip(prices, kept, strict=True) for price in sorted(own)[:most])
    return bisect_right(list(accumulate(cheap)), left)


def _common(prices: Sequence[Sequence[Fraction]]) -> Fraction | None:
    """The largest whole number of which all prices are multiples; ``None`` if some are not whole."""
    every = [price for own in prices for price in own]
    if any(price.denominator != 1 for price in every):
        return None
    return Fraction(max(math.gcd(*(price.numerator for price in every)), 1))


def _sums_are_few(prices: Sequence[Sequence[Fraction]], kept: Sequence[int], unit: Fraction, room: Fraction) -> bool:
    """Whether the sums of costs within a budget are few enough to reckon with each of them."""
    limit, looked_at = int(room // unit), 0
    totals = {0}
    for own, most in zip(prices, kept, strict=True):
        sums: list[set[int]] = [{0}, *(set() for _ in range(most))]
        for price in (int(price // unit) for price in own):
            for number in range(most, 0, -1):
                looked_at += 1 + len(sums[number - 1])
                if looked_at > MOST_SUMS:
                    return False
                sums[number] |= {before + price for before in sums[number - 1] if before + price <= limit}
        layer = set().union(*sums)
        looked_at += len(totals) * len(layer)
        if looked_at > MOST_SUMS:
            return False
        totals = {before + more for before in totals for more in layer if before + more <= limit}
    return True
