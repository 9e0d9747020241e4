"""The mixture of normalised branches in the ``cpu`` backend for autograd."""

from __future__ import annotations

from typing import Any

import torch

from scansearch.ops.cpu.mixture_kernels import mixture_backward, mixture_forward
from scansearch.ops.cpu.panel import Sizes, blocks_of, whole_vectors
from scansearch.ops.derivative import first_derivative_only


def mixture(branches: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """See ``scansearch.ops.mixture``."""
    out: torch.Tensor = _Mixture.apply(whole_vectors(branches), weights, branches.shape[3])
    return out[..., : branches.shape[3]]


class _Mixture(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, branches: Any, weights: Any, channels: int) -> torch.Tensor:
        groups, batch, tokens, width = branches.shape
        sizes = Sizes(groups, batch, tokens, tokens, channels, 0, blocks_of(channels), 1, 0)
        out = branches.new_empty(batch, tokens, width)
        if out.numel():
            mixture_forward(batch, sizes, branches, weights[:, None, None, None], out[None])
        ctx.save_for_backward(branches, weights)
        ctx.sizes = sizes
        return out

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, dout: torch.Tensor) -> tuple[Any, ...]:
        branches, weights = ctx.saved_tensors
        sizes: Sizes = ctx.sizes
        dbranches = torch.empty_like(branches, memory_format=torch.contiguous_format)
        dweights = weights.new_zeros(sizes.batch, sizes.groups)
        if dout.numel():
            given = (branches, weights[:, None, None, None], whole_vectors(dout)[None])
            mixture_backward(sizes.batch, sizes, *given, dbranches, dweights[None, :, None])
        return dbranches, dweights.sum(0), None
