"""What a step of a search holds at most, by arithmetic alone: where so much fits, nothing needs to be counted."""

from __future__ import annotations

import math

from scansearch.errors import UnsupportedError
from scansearch.models.flop_formulas import FORMULAS
from scansearch.searching.search_parts import Parts

A_FLOP = 4
"""Bytes for each FLOP of all candidates (formula ``vmamba``). Counted were 0.1 to 0.9 with backend `cpu`, at most 1.7 with `torch` and
3.0 with `reference`: the most in models of one state and rank 1, which keep as much as others and compute little."""
A_PARAMETER = 64
"""Bytes for each parameter. Counted were 13 to 20, and 30 of the strategy that unrolls a step."""
A_PIXEL = 64
"""Bytes for each number of an image, and for each logit of a dense head."""


def at_most(parts: Parts, images: int) -> int | None:
    """Bytes of the tensors of a process with so many images, loosely from above; ``None`` where a family counts no FLOPs.

    It takes a millisecond. Counting a step (``footprint.py``) takes from half a second to many, which a search that fits a
    hundred times over should not wait for.
    """
    shape, candidates = parts.data.shape, [layer.candidates for layer in parts.bound]
    try:
        flops = parts.spec.flops(FORMULAS["vmamba"], candidates, shape)
    except UnsupportedError:
        return None
    computed = flops.fixed + sum(layer.base + sum(layer.directions.values()) for layer in flops.layers)
    pixels = math.prod(shape.size) * (shape.channels + (shape.classes if shape.dense else 0))
    parameters = parts.spec.parameters(candidates, shape, supernet=True)
    return images * (A_FLOP * computed + A_PIXEL * pixels) + A_PARAMETER * parameters
