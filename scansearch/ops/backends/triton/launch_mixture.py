"""The mixture of normalised branches in the ``triton`` backend: tensors for its kernels, and back."""

from __future__ import annotations

from typing import Any

import torch

from scansearch.ops.backends.base import EPS
from scansearch.ops.backends.triton.tiled_mixture import mixture_backward, mixture_forward
from scansearch.ops.backends.triton.tiles import power_of_two

Tensor = torch.Tensor
TILE = 2048
"""Elements of a program's rows."""


def forward(branches: Tensor, weights: Tensor) -> Tensor:
    """(B, L, D), of the branches' type."""
    out = branches.new_empty(branches.shape[1:])
    if out.numel():
        groups, rows, width, arguments = _sizes(branches)
        mixture_forward[(-(-rows // arguments["ROWS"]),)](
            branches.contiguous(), weights.contiguous(), out, groups, rows, width, **arguments
        )
    return out


def backward(dout: Tensor, branches: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of branches and weights, each of its tensor's type."""
    dbranches = torch.empty_like(branches, memory_format=torch.contiguous_format)
    if not dout.numel() or not len(weights):
        return torch.zeros_like(dbranches), torch.zeros_like(weights)
    groups, rows, width, arguments = _sizes(branches)
    programs = -(-rows // arguments["ROWS"])
    dweights = torch.empty(groups, programs, dtype=torch.float32, device=branches.device)
    mixture_backward[(programs,)](
        dout.contiguous(),
        branches.contiguous(),
        weights.contiguous(),
        dbranches,
        dweights,
        groups,
        rows,
        width,
        **arguments,
    )
    return dbranches, dweights.sum(1).to(weights)


def _sizes(branches: Tensor) -> tuple[int, int, int, dict[str, Any]]:
    groups, batch, length, width = branches.shape
    channels = power_of_two(width)
    return groups, batch * length, width, {"EPS": EPS, "ROWS": max(1, TILE // channels), "CHANNELS": channels}
