"""The selective scan of the ``triton`` backend: tensors for its kernels, and the other way round."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from scansearch.ops.backends.triton.tiled_scan import scan_backward, scan_forward
from scansearch.ops.backends.triton.tiles import Tile

Tensor = torch.Tensor


def kept_shape(shape: Sequence[int], states: int) -> tuple[int, int, int, int]:
    """Shape of the states before every tile and after the last one, for u's ``shape``."""
    groups, batch, length, width = shape
    return groups * batch, Tile.of(length, width).count(length) + 1, states, width


def forward(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor, softplus: bool
) -> tuple[Tensor, Tensor]:
    """y, of u's type, and the states between tiles, float32."""
    groups, batch, length, width = u.shape
    y = torch.empty_like(u, memory_format=torch.contiguous_format)
    kept = torch.empty(kept_shape(u.shape, A.shape[2]), dtype=torch.float32, device=u.device)
    kept[:, 0] = 0
    if not u.numel():
        return y, kept
    tile, given = Tile.of(length, width), [t.contiguous() for t in (u, delta, A, B, C, D, bias)]
    scan_forward[groups * batch, tile.blocks(width)](
        *given, y, kept, length, width, batch, kept.shape[1], STATES=A.shape[2], SOFTPLUS=softplus, **tile.arguments
    )
    return y, kept


def backward(
    dy: Tensor,
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    bias: Tensor,
    softplus: bool,
    kept: Tensor,
) -> tuple[Tensor, ...]:
    """Gradients of u, delta, A, B, C, D and bias, each of its tensor's type."""
    if not u.numel():
        return tuple(torch.zeros_like(t, memory_format=torch.contiguous_format) for t in (u, delta, A, B, C, D, bias))
    (groups, batch, length, width), states, tiles = u.shape, A.shape[2], kept.shape[1]
    tile = Tile.of(length, width)
    du, ddelta = (torch.empty_like(t, memory_format=torch.contiguous_format) for t in (u, delta))
    dB, dC = kept.new_empty(2, tile.blocks(width), groups, batch, length, states)
    dD, dbias = kept.new_empty(2, groups, batch, width)
    carry, dA = kept.new_zeros(2, 2, groups, batch, states, width)
    given = [t.contiguous() for t in (dy, u, delta, A, B, C, D, bias)]
    scan_backward[groups * batch, tile.blocks(width)](
        *given, kept, du, ddelta, dA, dB, dC, dD, dbias, carry, length, width, batch, tiles,
        STATES=states, SOFTPLUS=softplus, **tile.arguments,
    )  # fmt: skip
    dA = dA[(tiles - 1) % 2].sum(1).transpose(1, 2).contiguous()
    return du, ddelta, dA.to(A), dB.sum(0).to(B), dC.sum(0).to(C), dD.sum(1).to(D), dbias.sum(1).to(bias)
