"""The mixture of normalised branches in the ``cpu`` backend: tensors for its kernels, and the other way round."""

from __future__ import annotations

import torch

from scansearch.ops.backends.cpu.lanes import blocks_of
from scansearch.ops.backends.cpu.mixture_kernels import mixture_backward, mixture_forward
from scansearch.ops.backends.cpu.panel import Sizes, cut, whole_vectors
from scansearch.ops.shapes import expect, expect_float32

Tensor = torch.Tensor


def forward(branches: Tensor, weights: Tensor) -> Tensor:
    """(B, L, D)."""
    expect("weights", weights, (branches.shape[0],), "(G)")
    expect_float32(branches=branches, weights=weights)
    whole, sizes = whole_vectors(branches), _sizes(branches)
    out = branches.new_empty(whole.shape[1:])
    if out.numel():
        mixture_forward(sizes.batch, sizes, whole, weights[:, None, None, None], out[None])
    return cut(out, sizes.channels)


def backward(dout: Tensor, branches: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of branches and weights."""
    whole, sizes = whole_vectors(branches), _sizes(branches)
    dbranches = torch.empty_like(whole, memory_format=torch.contiguous_format)
    dweights = weights.new_zeros(sizes.batch, sizes.groups)
    if dout.numel():
        given = (whole, weights[:, None, None, None], whole_vectors(dout)[None])
        mixture_backward(sizes.batch, sizes, *given, dbranches, dweights[None, :, None])
    return cut(dbranches, sizes.channels), dweights.sum(0)


def _sizes(branches: Tensor) -> Sizes:
    groups, batch, tokens, channels = branches.shape
    return Sizes(groups, batch, tokens, tokens, channels, 0, blocks_of(channels), 1, 0)
