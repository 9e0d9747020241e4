"""Weights of channels and tokens in the ``cpu`` backend for autograd."""

from __future__ import annotations

from typing import Any

import torch

from scansearch.ops.cpu.panel import Sizes, blocks_of, whole_vectors
from scansearch.ops.cpu.weigh_kernels import weigh_backward, weigh_forward
from scansearch.ops.derivative import first_derivative_only


def weigh(x: torch.Tensor, channel: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    """See ``scansearch.ops.weigh``."""
    out: torch.Tensor = _Weigh.apply(whole_vectors(x), whole_vectors(channel), token)
    return out[..., : x.shape[3]]


class _Weigh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, channel: Any, token: Any) -> torch.Tensor:
        groups, batch, tokens, channels = x.shape
        sizes = Sizes(groups, batch, tokens, tokens, channels, 0, blocks_of(channels), 1, 0)
        out = torch.empty_like(x, memory_format=torch.contiguous_format)
        if out.numel():
            weigh_forward(groups * batch, sizes, x, channel[:, :, None], token[..., None], out)
        ctx.save_for_backward(x, channel, token)
        ctx.sizes = sizes
        return out

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, dout: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x, channel, token = ctx.saved_tensors
        sizes: Sizes = ctx.sizes
        make = torch.empty_like if dout.numel() else torch.zeros_like
        dx, dchannel, dtoken = (make(t, memory_format=torch.contiguous_format) for t in (x, channel, token))
        if dout.numel():
            given = (x, channel[:, :, None], token[..., None], whole_vectors(dout))
            weigh_backward(sizes.groups * sizes.batch, sizes, *given, dx, dchannel[:, :, None], dtoken[..., None])
        return dx, dchannel, dtoken
