"""How scores become shades and short numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scansearch.figures.drawable import drawable
from scansearch.genotype import Genotype

FEW = 16
"""Candidates up to which all layers share a scale. Of more, each has so little that only its own layer's range shows anything."""


@dataclass(frozen=True)
class ScoreScale:
    """From scores to shades from 0 (pale) to 1.

    Args:
        ranges: The scores of each layer that are palest and deepest; ``None`` for a layer without scores.
        shared: Whether these are the same for all layers.
        uniform: The score of each candidate if none is preferred, where it is the same in all layers.
    """

    ranges: tuple[tuple[float, float] | None, ...]
    shared: bool
    uniform: float | None

    @classmethod
    def of(cls, genotype: Genotype) -> ScoreScale:
        """Shares of 1 from 0 to twice the uniform one or more, so that near-uniform layers look it; else by range."""
        layers = [drawable(list(layer.scores.values())) for layer in genotype.layers]
        scored = [values for values in layers if len(values)]
        sizes = {len(values) for values in scored}
        shares = all(values.min() >= 0 and math.isclose(values.sum(), 1.0, abs_tol=1e-3) for values in scored)
        uniform = 1 / sizes.pop() if shares and len(sizes) == 1 else None
        shared = len(genotype.candidates) <= FEW
        if shared and scored:
            low, high = min(v.min() for v in scored), max(v.max() for v in scored)
            both = (0.0, min(1.0, max(2 / len(genotype.candidates), high))) if shares else (float(low), float(high))
            return cls(tuple(both if len(values) else None for values in layers), True, uniform)
        own = tuple((float(v.min()), float(v.max())) if len(v) else None for v in layers)
        return cls(own, False, uniform)

    def shade(self, layer: int, score: float) -> float:
        """A score's shade, 0 to 1; 1/2 where all scores are alike."""
        low, high = self.ranges[layer] or (0.0, 0.0)
        value = float(drawable([score])[0])
        return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.5


def short_numbers(values: Sequence[float]) -> list[str]:
    """Numbers with as many digits as tell them apart, two to four: ``.25``; large ones as ``1e+99``."""
    numbers = drawable(values)
    spread = float(np.ptp(numbers)) if len(numbers) else 0.0
    decimals = 2
    if np.abs(numbers).max(initial=0) < 1:
        decimals += (spread < 0.1) + (0 < spread < 0.01)
    return [_short(value, decimals) for value in values]


def _short(value: float, decimals: int) -> str:
    if abs(value) >= 1000:
        return f"{value:.0e}"
    text = f"{value:.{decimals}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
