"""Pooling and reducing normalised tokens in the ``cpu`` backend: tensors for its kernels, and the other way round."""

from __future__ import annotations

import torch

from scansearch.ops.backends.cpu.lanes import blocks_of
from scansearch.ops.backends.cpu.panel import Sizes, cut, whole_vectors
from scansearch.ops.backends.cpu.reduce_kernels import reduce_backward, reduce_forward
from scansearch.ops.shapes import expect, expect_float32

Tensor = torch.Tensor


def forward(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (G, B, D) and the map (G, B, L, R) of the normalised tokens."""
    expect("weight", weight, (weight.shape[0], x.shape[3]), "(R, D)")
    expect_float32(x=x, weight=weight)
    whole, rows, sizes = whole_vectors(x), whole_vectors(weight), _sizes(x, weight)
    make = x.new_empty if x.numel() else x.new_zeros
    pooled, reduced = make(*x.shape[:2], whole.shape[3]), make(*x.shape[:3], sizes.states)
    if x.numel():
        reduce_forward(sizes.groups * sizes.batch, sizes, whole, rows[None, None], pooled[:, :, None], reduced)
    return cut(pooled, sizes.channels), reduced


def backward(
    dx: Tensor | None, dpooled: Tensor | None, dreduced: Tensor | None, x: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of x, with ``dx`` added that reaches it from elsewhere, and of weight."""
    if not x.numel():
        return x.new_zeros(x.shape), weight.new_zeros(weight.shape)
    whole, rows, sizes = whole_vectors(x), whole_vectors(weight), _sizes(x, weight)
    dpooled = x.new_zeros(*x.shape[:2], x.shape[3]) if dpooled is None else dpooled
    dreduced = x.new_zeros(*x.shape[:3], sizes.states) if dreduced is None else dreduced
    elsewhere = whole_vectors(x.new_zeros(x.shape) if dx is None else dx)
    total = torch.empty_like(whole, memory_format=torch.contiguous_format)
    panels = sizes.groups * sizes.batch
    dweight = x.new_empty(panels, 1, *rows.shape)
    given = (whole, rows[None, None], whole_vectors(dpooled)[:, :, None], dreduced, elsewhere)
    reduce_backward(panels, sizes, *given, total, dweight)
    return cut(total, sizes.channels), cut(dweight.sum((0, 1)), sizes.channels)


def _sizes(x: Tensor, weight: Tensor) -> Sizes:
    groups, batch, tokens, channels = x.shape
    return Sizes(groups, batch, tokens, tokens, channels, weight.shape[0], blocks_of(channels), 1, 0)
