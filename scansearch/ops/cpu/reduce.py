"""Pooling and reducing normalised tokens in the ``cpu`` backend for autograd."""

from __future__ import annotations

from typing import Any

import torch

from scansearch.ops import time_major
from scansearch.ops.cpu.panel import Sizes, blocks_of, whole_vectors
from scansearch.ops.cpu.reduce_kernels import reduce_backward, reduce_forward
from scansearch.ops.derivative import first_derivative_only

MAX_FUSED_WEIGHTS = 4096
"""A larger map does not stay in the first-level cache: there a matrix product is faster."""


def norm_reduce(x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """See ``scansearch.ops.norm_reduce``."""
    if weight.numel() > MAX_FUSED_WEIGHTS or x.numel() == 0:
        return time_major.norm_reduce(x, weight)
    channels = x.shape[3]
    out, pooled, reduced = _NormReduce.apply(whole_vectors(x), whole_vectors(weight), channels)
    return out[..., :channels], pooled[..., :channels], reduced


class _NormReduce(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, channels: int) -> tuple[torch.Tensor, ...]:
        groups, batch, tokens, width = x.shape
        rows = weight.shape[0]
        sizes = Sizes(groups, batch, tokens, tokens, channels, rows, blocks_of(channels), 1, 0)
        pooled, reduced = x.new_empty(groups, batch, width), x.new_empty(groups, batch, tokens, rows)
        reduce_forward(groups * batch, sizes, x, weight[None, None], pooled[:, :, None], reduced)
        ctx.save_for_backward(x, weight)
        ctx.sizes = sizes
        return x.view_as(x), pooled, reduced

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, g: torch.Tensor, dpooled: torch.Tensor, dreduced: torch.Tensor) -> tuple[Any, ...]:
        x, weight = ctx.saved_tensors
        sizes: Sizes = ctx.sizes
        panels = sizes.groups * sizes.batch
        dx = torch.empty_like(x, memory_format=torch.contiguous_format)
        dweight = x.new_empty(panels, 1, *weight.shape)
        given = (x, weight[None, None], whole_vectors(dpooled)[:, :, None], dreduced, whole_vectors(g))
        reduce_backward(panels, sizes, *given, dx, dweight)
        return dx, dweight.sum((0, 1)), None
