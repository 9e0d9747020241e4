"""Reordering of tokens, alone and fused with what follows it."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from scansearch.errors import ScansearchError
from scansearch.ops.backends import resolve_backend

CPU_TAPS = 4


def reorder_conv_silu(
    x: torch.Tensor, order: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, *, backend: str = "auto"
) -> torch.Tensor:
    """Reads the tokens in G orders, and in each convolves them causally, channel by channel, and applies SiLU.

    Args:
        x: Tokens, (B, L, D).
        order: Visiting orders, int64 (G, L'); -1 reads a zero token.
        weight: Taps, (G, D, K); the last one is for the current token.
        bias: (G, D).
        backend: As ``selective_scan_grouped``; ``cpu`` fuses it all into one pass for K = 4.

    Returns:
        (G, B, L', D), contiguous.

    Raises:
        ScansearchError: If the shapes do not fit or the backend cannot run.
    """
    groups, channels, taps = weight.shape
    if x.ndim != 3 or x.shape[2] != channels or order.shape[0] != groups or bias.shape != (groups, channels):
        raise ScansearchError(
            f"x is (B, L, D), order (G, L'), weight (G, D, K) and bias (G, D), but got {tuple(x.shape)}, "
            f"{tuple(order.shape)}, {tuple(weight.shape)} and {tuple(bias.shape)}"
        )
    if resolve_backend(backend, x) == "cpu" and taps == CPU_TAPS:
        from scansearch.ops.cpu_backend import reorder_conv_silu as fused

        return fused(x, order, weight, bias)
    tokens = gather(x, order)  # (G, B, L', D)
    padded = F.pad(tokens, (0, 0, taps - 1, 0))
    length = order.shape[1]
    out = bias[:, None, None]
    for k in range(taps):
        out = torch.addcmul(out, padded[:, :, k : k + length], weight[:, None, None, :, k])
    return F.silu(out)


def gather(x: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Tokens of x (B, L, D) in each of the orders (G, L'), zeros where an order holds -1: (G, B, L', D)."""
    tokens = x[:, order.clamp(min=0)].transpose(0, 1)
    absent = order < 0
    return tokens.masked_fill(absent[:, None, :, None], 0.0) if bool(absent.any()) else tokens


def restore_order(
    y: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor, *, backend: str = "auto"
) -> torch.Tensor:
    """Puts sequences back into token order; places that hold zero tokens are left out.

    Args:
        y: Sequences, (G, B, L', D).
        order: Visiting orders, int64 (G, L').
        inverse: Place of each token in them, int64 (G, L).
        backend: Checked only: this is the same gather everywhere.

    Returns:
        (G, B, L, D). Forward and backward are gathers: no scattered adding, so the result is the same bit for bit.
    """
    resolve_backend(backend, y)
    restored: torch.Tensor = _Restore.apply(y.contiguous(), order, inverse)
    return restored


class _Restore(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(order)
        return _rows(y, inverse)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (order,) = ctx.saved_tensors
        back = _rows(grad.contiguous(), order.clamp(min=0))
        absent = order < 0
        return (back.masked_fill(absent[:, None, :, None], 0.0) if bool(absent.any()) else back), None, None


def _rows(y: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """y[g, b, index[g, t]] for y (G, B, L', D) and index (G, L): one gather of whole rows."""
    groups, batch, length, channels = y.shape
    offsets = (torch.arange(groups * batch, device=y.device) * length).view(groups, batch, 1)
    rows = (offsets + index[:, None]).flatten()
    return y.view(-1, channels).index_select(0, rows).view(groups, batch, -1, channels)
