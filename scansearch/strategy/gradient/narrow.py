"""A mixture of only some of the candidates: what selection by perturbation has left of it."""

from __future__ import annotations

from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.strategy.gradient.regularise import weights_of

OUT = -1e4
"""Alpha of what is left out: its probability and its gate are exactly 0."""


def narrowed_alpha(alpha: torch.Tensor, kept: tuple[int, ...]) -> torch.Tensor:
    """Alpha (N,) in which all but the kept are out; no gradient reaches those."""
    inside = torch.zeros_like(alpha, dtype=torch.bool)
    inside[list(kept)] = True
    return alpha.masked_fill(~inside, OUT)


def narrowed_selection(selection: Selection, kept: tuple[int, ...], *, sums_to_one: bool) -> Selection:
    """Of a selection the branches that are kept; a draw of as many as a layer keeps at most may have others in it."""
    places = [n for n, i in enumerate(selection.indices) if i in kept]
    if len(places) == len(selection.indices):
        return selection
    indices, weights = tuple(selection.indices[n] for n in places), weights_of(selection)[places]
    return selection._replace(indices=indices, weights=weights / weights.sum() if sums_to_one else weights)
