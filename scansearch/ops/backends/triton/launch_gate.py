"""Restoring the order of tokens under a gate, in the ``triton`` backend: tensors for its kernels, and back."""

from __future__ import annotations

import torch

from scansearch.ops.backends.triton.tiled_visit import gate_backward_y, gate_backward_z, gate_forward
from scansearch.ops.backends.triton.tiles import Tile

Tensor = torch.Tensor


def forward(y: Tensor, z: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
    """(G, B, L, D), of y's type."""
    (groups, batch, length, width), tokens = y.shape, inverse.shape[1]
    out, tile = y.new_empty(groups, batch, tokens, width), Tile.of(tokens, width)
    if out.numel():
        gate_forward[groups * batch, tile.blocks(width), tile.count(tokens)](
            y.contiguous(), z.contiguous(), inverse.contiguous(), out, tokens, length, width, batch, **tile.arguments
        )
    return out


def backward(dout: Tensor, y: Tensor, z: Tensor, order: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of y and z, each of its tensor's type."""
    (groups, batch, length, width), tokens = y.shape, inverse.shape[1]
    dy, dz = (torch.empty_like(t, memory_format=torch.contiguous_format) for t in (y, z))
    dout, y, z = (t.contiguous() for t in (dout, y, z))
    sizes, seen, shown = (tokens, length, width, batch), Tile.of(length, width), Tile.of(tokens, width)
    if dy.numel():
        gate_backward_y[groups * batch, seen.blocks(width), seen.count(length)](
            dout, z, order.contiguous(), dy, *sizes, **seen.arguments
        )
    if dz.numel():
        gate_backward_z[batch, shown.blocks(width), shown.count(tokens)](
            dout, y, z, inverse.contiguous(), dz, groups, *sizes, **shown.arguments
        )
    return dy, dz
