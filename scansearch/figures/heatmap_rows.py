"""Which candidates a heatmap shows: all of few; of many, those that some layer keeps and the strongest of the others."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from scansearch.figures.colours import base_of
from scansearch.genotype import Genotype
from scansearch.scans import ScanOrder

MOST_ROWS = 40
FILLED = 24
"""Of many candidates, rows up to which those that no layer keeps are shown too."""


@dataclass(frozen=True)
class Rows:
    """Candidates from top to bottom.

    Args:
        names: Those that are shown.
        groups: A number for each; where it changes there is a gap.
        rarer: How many that some layer keeps are not shown.
        weaker: How many that no layer keeps are not shown.
    """

    names: tuple[str, ...]
    groups: tuple[int, ...]
    rarer: int = 0
    weaker: int = 0

    @classmethod
    def of(cls, genotype: Genotype) -> Rows:
        """All in the space's sequence with a gap between orders; or the chosen of many, by families."""
        if len(genotype.candidates) <= MOST_ROWS:
            bases = list(dict.fromkeys(map(base_of, genotype.candidates)))
            return cls(genotype.candidates, tuple(bases.index(base_of(name)) for name in genotype.candidates))
        kept = Counter(name for layer in genotype.layers for name in layer.directions)
        peaks = _peaks(genotype)
        ranked = sorted(genotype.candidates, key=lambda name: (-kept[name], -peaks[name]))
        shown = ranked[: min(MOST_ROWS, max(FILLED, len(kept)))]
        chosen = sum(name in kept for name in shown)
        names, groups = _by_family([name for name in genotype.candidates if name in set(shown)])
        weaker = len(genotype.candidates) - len(kept) - (len(shown) - chosen)
        return cls(names, groups, rarer=len(kept) - chosen, weaker=weaker)


def _peaks(genotype: Genotype) -> dict[str, float]:
    peaks = dict.fromkeys(genotype.candidates, -math.inf)
    for layer in genotype.layers:
        for name, score in layer.scores.items():
            peaks[name] = max(peaks[name], score)
    return peaks


def _by_family(names: list[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    of = {name: ScanOrder(name).family.name for name in names}
    families = list(dict.fromkeys(of.values()))
    ordered = sorted(names, key=lambda name: families.index(of[name]))
    return tuple(ordered), tuple(families.index(of[name]) for name in ordered)


def presentable(genotype: Genotype) -> Genotype:
    """The genotype with a row for every direction that it keeps, and scores of its rows only.

    A genotype written by other hands may keep, and score, what its space does not list.
    """
    kept = [name for layer in genotype.layers for name in layer.directions]
    rows = dict.fromkeys([*genotype.candidates, *kept])
    layers = []
    for layer in genotype.layers:
        scores = {name: value for name, value in layer.scores.items() if name in rows}
        layers.append(layer.model_copy(update={"scores": scores}))
    space = {**(genotype.space or {}), "candidates": list(rows)}
    return genotype.model_copy(update={"space": space, "layers": tuple(layers)})
