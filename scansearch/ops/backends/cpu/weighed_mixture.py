"""The mixture of weighed and normalised branches in the ``cpu`` backend: tensors for its kernels, and the other way round."""

from __future__ import annotations

import torch

from scansearch.ops.backends.cpu.lanes import blocks_of
from scansearch.ops.backends.cpu.panel import Sizes, cut, whole_vectors
from scansearch.ops.backends.cpu.weighed_mixture_kernels import weighed_mixture_backward, weighed_mixture_forward
from scansearch.ops.shapes import expect, expect_float32

Tensor = torch.Tensor


def forward(x: Tensor, channel: Tensor, token: Tensor, weights: Tensor) -> Tensor:
    """(B, L, D)."""
    expect("channel", channel, (*x.shape[:2], x.shape[3]), "(G, B, D)")
    expect("token", token, tuple(x.shape[:3]), "(G, B, L)")
    expect("weights", weights, (x.shape[0],), "(G)")
    expect_float32(x=x, channel=channel, token=token, weights=weights)
    whole, sizes = whole_vectors(x), _sizes(x)
    out = x.new_empty(whole.shape[1:])
    if out.numel():
        given = (whole, whole_vectors(channel)[:, :, None], token[..., None], weights[:, None, None, None])
        weighed_mixture_forward(sizes.batch, sizes, *given, out[None])
    return cut(out, sizes.channels)


def backward(
    dout: Tensor, x: Tensor, channel: Tensor, token: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of x, channel, token and weights."""
    if not x.numel():
        return torch.zeros_like(x), torch.zeros_like(channel), torch.zeros_like(token), torch.zeros_like(weights)
    sizes, whole = _sizes(x), [whole_vectors(x), whole_vectors(channel), token]
    dx, dchannel, dtoken = (torch.empty_like(t, memory_format=torch.contiguous_format) for t in whole)
    dweights = weights.new_empty(sizes.groups, sizes.batch)
    given = (whole[0], whole[1][:, :, None], token[..., None], weights[:, None, None, None], whole_vectors(dout)[None])
    found = (dx, dchannel[:, :, None], dtoken[..., None], dweights[..., None, None])
    weighed_mixture_backward(sizes.batch, sizes, *given, *found)
    return cut(dx, sizes.channels), cut(dchannel, sizes.channels), dtoken, dweights.sum(1)


def _sizes(x: Tensor) -> Sizes:
    groups, batch, tokens, channels = x.shape
    return Sizes(groups, batch, tokens, tokens, channels, 0, blocks_of(channels), 1, 0)
