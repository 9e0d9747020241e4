"""Reordering, causal convolution and SiLU of the ``cpu`` backend: tensors for its kernels, and the other way round."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from scansearch.ops.backends.cpu.backend import TAPS
from scansearch.ops.backends.cpu.blocked import blocked, unblocked
from scansearch.ops.backends.cpu.conv_kernels import conv_backward, conv_forward
from scansearch.ops.backends.cpu.lanes import blocks_of, width_of
from scansearch.ops.backends.cpu.panel import Sizes, cut, index_panel, whole_vectors
from scansearch.ops.shapes import expect, expect_float32, expect_range

Tensor = torch.Tensor


def forward(x: Tensor, weight: Tensor, bias: Tensor, order: Tensor) -> Tensor:
    """The result (G, B, L', D)."""
    groups, length = order.shape
    expect("weight", weight, (groups, x.shape[2], weight.shape[2]), "(G, D, K)")
    expect("bias", bias, (groups, x.shape[2]), "(G, D)")
    expect_float32(x=x, weight=weight, bias=bias)
    expect_range("order", order, -1, x.shape[1])
    tokens, sizes = whole_vectors(x), _sizes(x, order)
    y = x.new_empty(groups, x.shape[0], length, tokens.shape[2])
    if y.numel():
        conv_forward(groups * sizes.batch, sizes, tokens[None], index_panel(order), _taps(weight, bias), y)
    return cut(y, x.shape[2])


def backward(dy: Tensor, x: Tensor, weight: Tensor, bias: Tensor, order: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, weight and bias."""
    tokens, sizes, taps = whole_vectors(x), _sizes(x, order), _taps(weight, bias)
    dx = torch.zeros_like(tokens, memory_format=torch.contiguous_format)
    dtaps = x.new_zeros(sizes.groups * sizes.batch, sizes.blocks, 1, (TAPS + 1) * sizes.lanes)
    if dy.numel():
        conv_backward(sizes.batch, sizes, tokens[None], index_panel(order), taps, whole_vectors(dy), dx[None], dtaps)
    total = unblocked(dtaps, sizes, TAPS + 1)[..., : x.shape[2]]
    dweight = total[:, TAPS - weight.shape[2] : TAPS].transpose(1, 2).contiguous()
    return cut(dx, x.shape[2]), dweight, total[:, TAPS].contiguous()


def _taps(weight: Tensor, bias: Tensor) -> Tensor:
    filled = F.pad(weight, (TAPS - weight.shape[2], 0))
    return blocked(torch.cat([filled, bias[..., None]], 2).transpose(1, 2), TAPS + 1)


def _sizes(x: Tensor, order: Tensor) -> Sizes:
    (batch, tokens, channels), (groups, length) = x.shape, order.shape
    return Sizes(groups, batch, length, tokens, width_of(channels), 0, blocks_of(channels), 1, 0)
