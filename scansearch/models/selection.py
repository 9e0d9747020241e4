"""What a strategy selects in a layer of a supernet: which branches run, with what weights."""

from __future__ import annotations

from typing import NamedTuple

from scansearch.errors import ScansearchError
from scansearch.lazy import torch


class Selection(NamedTuple):
    """Which candidate branches of a layer run.

    Args:
        indices: Candidates, by their place in the layer's list.
        weights: Shape (k,): the layer gives sum_j weights[j] * LN(branch_j) with an affine-free LayerNorm, LocalMamba's form
            in the search. ``None``: the plain sum of the branches, as the derived network computes it.
        shortcut: The layer's input is added to this sum with this weight (DARTS-, arXiv 2009.01027).
        part: ``(i, n)``: only block i of n equal blocks of channels goes through the branches, the others pass (PC-DARTS,
            arXiv 1907.05737). ``None``: all channels.
    """

    indices: tuple[int, ...]
    weights: torch.Tensor | None = None
    shortcut: float = 0.0
    part: tuple[int, int] | None = None


def check_selection(selection: Selection, count: int) -> None:
    """Checks a selection against a layer of ``count`` candidates.

    Raises:
        ScansearchError: If it selects nothing or a candidate that is not there, or has not one weight an index.
    """
    indices, weights = selection.indices, selection.weights
    if not indices or not all(0 <= index < count for index in indices):
        raise ScansearchError(
            f"a selection lists at least one candidate of its layer, by numbers from 0 to {count - 1}, but got {indices}"
        )
    if weights is not None and tuple(weights.shape) != (len(indices),):
        raise ScansearchError(
            f"a selection of {len(indices)} candidates has weights of shape ({len(indices)},), but got {tuple(weights.shape)}"
        )
