"""Orders that a genotype keeps under two names, as stage 4 of the published LocalVMamba does: on its 7 x 7 grid, w7 is h."""

from __future__ import annotations

from scansearch.figures.style import ranges
from scansearch.genotype import Genotype
from scansearch.scans import distinct

MOST_TOKENS = 1 << 22
"""Tokens of all kept orders together up to which they are compared."""


def coinciding(genotype: Genotype) -> list[list[tuple[str, str]]]:
    """For each layer, the orders that it keeps and the earlier ones of that layer that they are the same as."""
    if _too_many(genotype):
        return [[] for _ in genotype.layers]
    firsts = [distinct(layer.directions, *layer.grid) if layer.grid else {} for layer in genotype.layers]
    return [[(name, other) for name, other in first.items() if name != other] for first in firsts]


def coinciding_lines(genotype: Genotype) -> list[str]:
    """The same in words, a pair each; or that it was not looked for."""
    if _too_many(genotype):
        return ["orders not compared: their grids are too large"]
    found: dict[str, list[int]] = {}
    for number, pairs in enumerate(coinciding(genotype), start=1):
        for name, other in pairs:
            found.setdefault(f"{name} is {other}", []).append(number)
    return [f"{pair} in layer{'s' * (len(at) > 1)} {ranges(at)}" for pair, at in found.items()]


def _too_many(genotype: Genotype) -> bool:
    kept = {(name, layer.grid) for layer in genotype.layers if layer.grid for name in layer.directions}
    return sum(height * width for _, (height, width) in kept) > MOST_TOKENS
