"""Weights of channels and tokens in the ``cpu`` backend: tensors for its kernels, and the other way round."""

from __future__ import annotations

import torch

from scansearch.ops.backends.cpu.lanes import blocks_of, width_of
from scansearch.ops.backends.cpu.panel import Sizes, cut, whole_vectors
from scansearch.ops.backends.cpu.weigh_kernels import weigh_backward, weigh_forward
from scansearch.ops.shapes import expect, expect_float32

Tensor = torch.Tensor


def forward(x: Tensor, channel: Tensor, token: Tensor) -> Tensor:
    """(G, B, L, D)."""
    expect("channel", channel, (*x.shape[:2], x.shape[3]), "(G, B, D)")
    expect("token", token, tuple(x.shape[:3]), "(G, B, L)")
    expect_float32(x=x, channel=channel, token=token)
    whole, sizes = whole_vectors(x), _sizes(x)
    out = torch.empty_like(whole, memory_format=torch.contiguous_format)
    if out.numel():
        given = (whole, whole_vectors(channel)[:, :, None], token[..., None])
        weigh_forward(sizes.groups * sizes.batch, sizes, *given, out)
    return cut(out, x.shape[3])


def backward(dout: Tensor, x: Tensor, channel: Tensor, token: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, channel and token."""
    if not dout.numel():
        return x.new_zeros(x.shape), channel.new_zeros(channel.shape), token.new_zeros(token.shape)
    sizes, whole = _sizes(x), [whole_vectors(x), whole_vectors(channel), token]
    dx, dchannel, dtoken = (torch.empty_like(t, memory_format=torch.contiguous_format) for t in whole)
    given = (whole[0], whole[1][:, :, None], token[..., None], whole_vectors(dout))
    weigh_backward(sizes.groups * sizes.batch, sizes, *given, dx, dchannel[:, :, None], dtoken[..., None])
    return cut(dx, x.shape[3]), cut(dchannel, x.shape[3]), dtoken


def _sizes(x: Tensor) -> Sizes:
    groups, batch, tokens, channels = x.shape
    return Sizes(groups, batch, tokens, tokens, width_of(channels), 0, blocks_of(channels), 1, 0)
