"""Tokens into visiting order and back: the operations before and after a scan, one signature for all backends.

``order`` (G, L') holds the token at each position, -1 for a zero token; ``inverse`` (G, L) holds the position of each
token. Every token stands at exactly one position, so both directions are gathers, in the backward pass as well.
"""

from __future__ import annotations

import torch

from scansearch.errors import ScansearchError
from scansearch.ops.backends import call
from scansearch.ops.shapes import expect, expect_rank, expect_tensors, floating, same_device


def reorder_conv_silu(
    x: torch.Tensor, order: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, *, backend: str = "auto"
) -> torch.Tensor:
    """Reorders tokens, convolves them causally channel by channel, and applies SiLU.

    ``y[g, b, t] = SiLU(bias[g] + sum_k weight[g, :, k] * x[b, order[g, t - K + 1 + k]])``, with zeros before the start.

    Args:
        x: Tokens (B, L, D); may be a slice of a larger tensor.
        order: Visiting orders (G, L'), int64: the token at each position, each token once, -1 for a zero token.
        weight: Taps of the convolution (G, D, K), the last one for the token itself.
        bias: (G, D).
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        y (G, B, L', D).

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
    """
    expect_tensors(x=x, order=order, weight=weight, bias=bias)
    expect_rank("x", x, "(B, L, D)")
    expect_rank("order", order, "(G, L')")
    expect_rank("weight", weight, "(G, D, K)")
    _expect_indices("order", order)
    groups, channels = order.shape[0], x.shape[2]
    expect("weight", weight, (groups, channels, weight.shape[2]), "(G, D, K)")
    expect("bias", bias, (groups, channels), "(G, D)")
    same_device(x=x, order=order, weight=weight, bias=bias)
    floating(x=x, weight=weight, bias=bias)
    if weight.shape[2] == 0:
        raise ScansearchError(f"the convolution needs at least one tap, but weight has shape {tuple(weight.shape)}")
    _expect_tokens(x.shape[1], order.shape[1])
    result: torch.Tensor = call(backend, "reorder_conv_silu", x, order, weight, bias)
    return result


def restore_order(
    y: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor, *, backend: str = "auto"
) -> torch.Tensor:
    """Puts what was computed in visiting order back into token order: ``out[g, b, l] = y[g, b, inverse[g, l]]``.

    Args:
        y: (G, B, L', D).
        order: The token at each position (G, L'), int64, -1 for a zero token, whose results are dropped.
        inverse: The position of each token (G, L), int64.
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        (G, B, L, D).

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
    """
    return _restore(y, None, order, inverse, backend)


def restore_gate(
    y: torch.Tensor, z: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor, *, backend: str = "auto"
) -> torch.Tensor:
    """``restore_order`` and the gate in one: ``out[g, b, l] = y[g, b, inverse[g, l]] * SiLU(z[b, l])``.

    A gate that is reordered like the tokens and back again is the gate itself, so all groups share one z.

    Args:
        y: (G, B, L', D).
        z: Gate in token order (B, L, D); may be a slice of a larger tensor.
        order: The token at each position (G, L'), int64, -1 for a zero token, whose results are dropped.
        inverse: The position of each token (G, L), int64.
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        (G, B, L, D).

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
    """
    expect_tensors(z=z)
    expect_rank("z", z, "(B, L, D)")
    return _restore(y, z, order, inverse, backend)


def _restore(
    y: torch.Tensor, z: torch.Tensor | None, order: torch.Tensor, inverse: torch.Tensor, backend: str
) -> torch.Tensor:
    expect_tensors(y=y, order=order, inverse=inverse)
    expect_rank("y", y, "(G, B, L', D)")
    expect_rank("inverse", inverse, "(G, L)")
    groups, batch, positions, channels = y.shape
    tokens = inverse.shape[1]
    expect("order", order, (groups, positions), "(G, L')")
    expect("inverse", inverse, (groups, tokens), "(G, L)")
    expect("z", z, (batch, tokens, channels), "(B, L, D)")
    _expect_indices("order", order)
    _expect_indices("inverse", inverse)
    same_device(y=y, z=z, order=order, inverse=inverse)
    floating(y=y, z=z)
    _expect_tokens(positions, tokens)
    result: torch.Tensor = call(backend, "restore_gate", y, z, order, inverse)
    return result


def _expect_tokens(given: int, wanted: int) -> None:
    if wanted and not given:
        raise ScansearchError(f"an order of {wanted} needs at least one row to take, but there is none")


def _expect_indices(name: str, indices: torch.Tensor) -> None:
    if indices.dtype != torch.int64:
        raise ScansearchError(f"{name} must hold int64, but got {indices.dtype}; convert it with .long()")
