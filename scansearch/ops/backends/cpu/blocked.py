"""Rows of channels in the layout of the kernels, the lanes of a vector innermost, and back."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from scansearch.ops.backends.cpu.lanes import blocks_of, lanes_for, width_of
from scansearch.ops.backends.cpu.panel import Sizes


def blocked(rows: torch.Tensor, count: int) -> torch.Tensor:
    """(G, R, D) as (G, blocks, 1, count * lanes), zeros beyond R and D."""
    groups, given, channels = rows.shape
    blocks, lanes = blocks_of(channels), lanes_for(channels)
    whole = F.pad(rows, (0, width_of(channels) - channels, 0, count - given))
    return whole.unflatten(2, (blocks, lanes)).transpose(1, 2).reshape(groups, blocks, 1, count * lanes)


def unblocked(terms: torch.Tensor, sizes: Sizes, count: int) -> torch.Tensor:
    """The sum over samples of (G * B, blocks, 1, count * lanes), as (G, count, whole blocks of D)."""
    total = terms.view(sizes.groups, sizes.batch, sizes.blocks, count, sizes.lanes).sum(1)
    return total.transpose(1, 2).flatten(2)
