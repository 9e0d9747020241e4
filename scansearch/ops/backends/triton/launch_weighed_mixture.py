"""The mixture of weighed and normalised branches in the ``triton`` backend: tensors for its kernels, and back."""

from __future__ import annotations

from typing import Any

import torch

from scansearch.ops.backends.base import EPS
from scansearch.ops.backends.triton.tiled_weighed_mixture import weighed_mixture_backward, weighed_mixture_forward
from scansearch.ops.backends.triton.tiles import power_of_two
from scansearch.ops.shapes import weighed_mixture_like

Tensor = torch.Tensor
TILE = 2048
"""Elements of a program's rows."""
CHUNK = 64
"""Rows of a branch whose part of the gradient of its channels' weights is written once."""


def forward(x: Tensor, channel: Tensor, token: Tensor, weights: Tensor) -> Tensor:
    """(B, L, D), of the widest type of x, channel and token."""
    (groups, batch, length, width), out = x.shape, weighed_mixture_like(x, channel, token, weights)
    if out.numel():
        given, arguments = [t.contiguous() for t in (x, channel, token, weights)], _tile(length, width)
        weighed_mixture_forward[batch, -(-length // arguments["ROWS"])](*given, out, groups, length, width, **arguments)
    return out


def backward(
    dout: Tensor, x: Tensor, channel: Tensor, token: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of x, channel, token and weights, each of its tensor's type."""
    if not x.numel():
        return torch.zeros_like(x), torch.zeros_like(channel), torch.zeros_like(token), torch.zeros_like(weights)
    groups, batch, length, width = x.shape
    arguments = _tile(length, width)
    span = -(-min(CHUNK, length) // arguments["ROWS"])
    chunks = -(-length // (span * arguments["ROWS"]))
    dx, dtoken = (torch.empty_like(t, memory_format=torch.contiguous_format) for t in (x, token))
    dchannel = torch.empty(chunks, *channel.shape, dtype=torch.float32, device=x.device)
    dweights = torch.empty(chunks, groups, batch, dtype=torch.float32, device=x.device)
    given = [t.contiguous() for t in (dout, x, channel, token, weights)]
    weighed_mixture_backward[groups * batch, chunks](
        *given, dx, dchannel, dtoken, dweights, groups, batch, length, width, SPAN=span, **arguments
    )
    return dx, dchannel.sum(0).to(channel), dtoken, dweights.sum((0, 2)).to(weights)


def _tile(length: int, width: int) -> dict[str, Any]:
    channels = power_of_two(width)
    return {"EPS": EPS, "ROWS": max(1, min(TILE // channels, power_of_two(length))), "CHANNELS": channels}
