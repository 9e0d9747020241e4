"""Reordering, causal convolution and SiLU of the ``triton`` backend: tensors for its kernels, and the other way round."""

from __future__ import annotations

import torch

from scansearch.ops.backends.triton.tiled_visit import visit_backward, visit_forward, visit_tokens
from scansearch.ops.backends.triton.tiles import Tile, power_of_two
from scansearch.ops.gather import inverse_of

Tensor = torch.Tensor


def forward(x: Tensor, weight: Tensor, bias: Tensor, order: Tensor) -> Tensor:
    """The result (G, B, L', D), of x's type."""
    (groups, length), (batch, tokens, width) = order.shape, x.shape
    out = x.new_empty(groups, batch, length, width)
    tile = Tile.of(length, width)
    if out.numel():
        given = [t.contiguous() for t in (x, order, weight, bias)]
        visit_forward[groups * batch, tile.blocks(width), tile.count(length)](
            *given, out, tokens, length, width, batch, TAPS=weight.shape[2], **tile.arguments
        )
    return out


def backward(dout: Tensor, x: Tensor, weight: Tensor, bias: Tensor, order: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, weight and bias, each of its tensor's type."""
    (groups, length), (batch, tokens, width), taps = order.shape, x.shape, weight.shape[2]
    if not dout.numel():
        return torch.zeros_like(x), torch.zeros_like(weight), torch.zeros_like(bias)
    tile, rows = Tile.of(length, width), power_of_two(taps)
    before = torch.empty(dout.shape, dtype=torch.float32, device=x.device)
    dweight, dbias = before.new_empty(groups, batch, rows, width), before.new_empty(groups, batch, width)
    given = [t.contiguous() for t in (dout, x, order, weight, bias)]
    visit_backward[groups * batch, tile.blocks(width)](
        *given, before, dweight, dbias, tokens, length, width, batch, TAPS=taps, ROWS=rows, **tile.arguments
    )
    dx, places = torch.empty_like(x, memory_format=torch.contiguous_format), Tile.of(tokens, width)
    if dx.numel():
        inverse, sizes = inverse_of(order, tokens).contiguous(), (groups, tokens, length, width, batch)
        visit_tokens[batch, places.blocks(width), places.count(tokens)](
            before, inverse, given[3], dx, *sizes, TAPS=taps, **places.arguments
        )
    return dx, dweight[:, :, :taps].sum(1).transpose(1, 2).to(weight).contiguous(), dbias.sum(1).to(bias)
