"""Rows of channels in the layout of the kernels, LANES channels innermost, and back."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from scansearch.ops.backends.cpu.panel import Sizes
from scansearch.ops.backends.cpu.simd import LANES


def blocked(rows: torch.Tensor, count: int) -> torch.Tensor:
    """(G, R, D) as (G, blocks, 1, count * LANES), zeros beyond R and D."""
    groups, given, channels = rows.shape
    filled = F.pad(rows, (0, -channels % LANES, 0, count - given))
    blocks = filled.shape[2] // LANES
    return filled.unflatten(2, (blocks, LANES)).transpose(1, 2).reshape(groups, blocks, 1, count * LANES)


def unblocked(terms: torch.Tensor, sizes: Sizes, count: int) -> torch.Tensor:
    """The sum over samples of (G * B, blocks, 1, count * LANES), as (G, count, whole blocks of D)."""
    total = terms.view(sizes.groups, sizes.batch, sizes.blocks, count, LANES).sum(1)
    return total.transpose(1, 2).flatten(2)
