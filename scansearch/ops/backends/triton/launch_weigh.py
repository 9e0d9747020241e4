"""Weights of channels and tokens in the ``triton`` backend: tensors for its kernels, and the other way round."""

from __future__ import annotations

import torch

from scansearch.ops.backends.triton.tiled_weigh import weigh_backward, weigh_forward
from scansearch.ops.backends.triton.tiles import Tile
from scansearch.ops.shapes import weighed_like

Tensor = torch.Tensor


def forward(x: Tensor, channel: Tensor, token: Tensor) -> Tensor:
    """(G, B, L, D), of the widest type among the arguments."""
    (groups, batch, length, width), out = x.shape, weighed_like(x, channel, token)
    tile = Tile.of(length, width)
    if out.numel():
        given = [t.contiguous() for t in (x, channel, token)]
        weigh_forward[groups * batch, tile.blocks(width), tile.count(length)](
            *given, out, length, width, **tile.arguments
        )
    return out


def backward(dout: Tensor, x: Tensor, channel: Tensor, token: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, channel and token, each of its tensor's type."""
    if not dout.numel():
        return torch.zeros_like(x), torch.zeros_like(channel), torch.zeros_like(token)
    groups, batch, length, width = x.shape
    tile = Tile.of(length, width)
    dx, dchannel = (torch.empty_like(t, memory_format=torch.contiguous_format) for t in (x, channel))
    dtoken = torch.empty(tile.blocks(width), *token.shape, dtype=torch.float32, device=x.device)
    given = [t.contiguous() for t in (dout, x, channel, token)]
    weigh_backward[groups * batch, tile.blocks(width)](*given, dx, dchannel, dtoken, length, width, **tile.arguments)
    return dx, dchannel, dtoken.sum(0).to(token)
