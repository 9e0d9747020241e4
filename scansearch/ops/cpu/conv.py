"""Reordering, causal convolution and SiLU of the ``cpu`` backend for autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from scansearch.errors import UnsupportedError
from scansearch.ops.cpu.blocked import blocked, unblocked
from scansearch.ops.cpu.conv_kernels import TAPS, conv_backward, conv_forward
from scansearch.ops.cpu.panel import Sizes, blocks_of, whole_vectors
from scansearch.ops.cpu.simd import LANES
from scansearch.ops.derivative import first_derivative_only


def reorder_conv_silu(x: torch.Tensor, order: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """See ``scansearch.ops.reorder_conv_silu``."""
    if weight.shape[2] > TAPS:
        raise UnsupportedError(
            f"backend 'cpu' convolves up to {TAPS} taps, but got {weight.shape[2]}; use backend 'torch' or 'auto'"
        )
    taps = F.pad(weight, (TAPS - weight.shape[2], 0))
    y: torch.Tensor = _ReorderConv.apply(whole_vectors(x), order.contiguous(), taps, bias)
    return y[..., : x.shape[2]]


class _ReorderConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, order: Any, weight: Any, bias: Any) -> torch.Tensor:
        (batch, tokens, channels), (groups, length) = x.shape, order.shape
        sizes = Sizes(groups, batch, length, tokens, channels, 0, blocks_of(channels), 1, 0)
        taps = blocked(torch.cat([weight, bias[..., None]], 2).transpose(1, 2), TAPS + 1)
        y = x.new_empty(groups, batch, length, channels)
        if y.numel():
            conv_forward(groups * batch, sizes, x[None], order[:, None, None], taps, y)
        ctx.save_for_backward(x, order, taps)
        ctx.sizes, ctx.width = sizes, weight.shape[1]
        return y

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[Any, ...]:
        x, order, taps = ctx.saved_tensors
        sizes: Sizes = ctx.sizes
        dx = torch.zeros_like(x, memory_format=torch.contiguous_format)
        dtaps = x.new_zeros(sizes.groups * sizes.batch, sizes.blocks, 1, (TAPS + 1) * LANES)
        if dy.numel():
            given = (x[None], order[:, None, None], taps, whole_vectors(dy))
            conv_backward(sizes.batch, sizes, *given, dx[None], dtaps)
        total = unblocked(dtaps, sizes, TAPS + 1)[..., : ctx.width]
        return dx, None, total[:, :TAPS].transpose(1, 2), total[:, TAPS]
