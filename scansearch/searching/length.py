"""Whether a search is long enough to mean anything, by what searches of known answers needed."""

from __future__ import annotations

from scansearch.strategy.step import Plan
from scansearch.strategy.traits import Traits

FEW = 500
"""Updates of the weights with which no search of docs/evidence.md was reliable; the tests of `python -m benchmarks curves`."""


def length_notes(plan: Plan, traits: Traits) -> list[str]:
    """A warning if the supernet is trained too little."""
    if not traits.trains_supernet or plan.steps >= FEW:
        return []
    return [
        f"few updates of the weights, {plan.steps:,}: where the answer is known, no search of fewer than {FEW} was reliable "
        "(docs/evidence.md); more epochs or more images make it one that means something"
    ]
