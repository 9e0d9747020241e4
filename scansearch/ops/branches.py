"""A layer's branches in one operation: each direction from the tokens to its gated output, alone or mixed."""

from __future__ import annotations

from typing import Any

import torch

from scansearch.ops.backends import coarse_backend
from scansearch.ops.gather import gather_rows
from scansearch.ops.mixing import mixture
from scansearch.ops.parameters import BranchParameters, Orders
from scansearch.ops.scan import selective_scan_grouped
from scansearch.ops.shapes import ScanInputs, check_branches, expect, expect_tensors, floating, same_device
from scansearch.ops.token_order import reorder_conv_silu, restore_gate, restore_order


def direction_branches(
    x: torch.Tensor,
    z: torch.Tensor | None,
    orders: Orders,
    parameters: BranchParameters,
    *,
    backend: str = "auto",
) -> torch.Tensor:
    """The output of every direction in token order.

    A direction visits the tokens in its order, convolves them (or not), draws step sizes and maps from them, scans, and puts
    the result back, times SiLU(z) if there is a gate. A backend may do it in one, or its last two parts; else
    ``reorder_conv_silu``, ``selective_scan_grouped`` and ``restore_gate`` do. The scan adds up many small steps: in half and
    mixed precision it runs in float32, as LocalMamba's does.

    Args:
        x: Tokens (B, L, D); may be a slice of a larger tensor.
        z: Gate (B, L, D), shared by all directions; or ``None``.
        orders: Of G directions.
        parameters: Of the same.
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        (G, B, L, D), at least in float32.

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
    """
    check_branches(x, z, *orders, **parameters._asdict())
    orders = Orders(*orders)
    chosen: Any = coarse_backend(backend, "direction_branches", x, z, *orders, *parameters)
    if chosen is None:
        return _composed(x, z, orders, parameters, backend)
    result: torch.Tensor = chosen.direction_branches(x, z, orders, parameters)
    return result


def mixed_branches(
    x: torch.Tensor,
    z: torch.Tensor | None,
    orders: Orders,
    parameters: BranchParameters,
    weights: torch.Tensor | None,
    *,
    backend: str = "auto",
) -> torch.Tensor:
    """The ``mixture`` of ``direction_branches``: (B, L, D).

    Args:
        x: Tokens (B, L, D); may be a slice of a larger tensor.
        z: Gate (B, L, D), shared by all directions; or ``None``.
        orders: Of G directions.
        parameters: Of the same.
        weights: (G); ``None`` for the plain sum of the branches.
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        (B, L, D), at least in float32.

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
    """
    check_branches(x, z, *orders, **parameters._asdict())
    expect_tensors(("weights",), weights=weights)
    expect("weights", weights, (len(orders[0]),), "(G)")
    same_device(x=x, weights=weights)
    floating(weights=weights)
    orders = Orders(*orders)
    chosen: Any = coarse_backend(backend, "mixed_branches", x, z, *orders, *parameters, weights)
    if chosen is None:
        branches = direction_branches(x, z, orders, parameters, backend=backend)
        return mixture(branches, None if weights is None else weights.to(branches), backend=backend)
    result: torch.Tensor = chosen.mixed_branches(x, z, orders, parameters, weights)
    return result


def _composed(
    x: torch.Tensor, z: torch.Tensor | None, orders: Orders, p: BranchParameters, backend: str
) -> torch.Tensor:
    wide, narrow = torch.promote_types(x.dtype, torch.float32), p.x_proj_weight.dtype
    u = _visited(x.to(wide), orders, p, backend)
    groups, batch, length, inner = u.shape
    rank, states = p.dt_proj_weight.shape[2], p.A_log.shape[2]
    projected = torch.bmm(u.reshape(groups, -1, inner).to(narrow), p.x_proj_weight.transpose(1, 2))
    dt, B, C = projected.split([rank, states, states], dim=-1)
    delta = torch.bmm(dt, p.dt_proj_weight.transpose(1, 2)).view(u.shape).to(wide)
    B, C = (t.reshape(groups, batch, length, states).to(wide) for t in (B, C))
    A = -torch.exp(p.A_log.to(wide))
    # The gate is reordered like the tokens and back again: in token order it is the gate itself.
    gate = None if z is None else z.to(wide)
    inputs = ScanInputs(u, delta, A, B, C, p.D.to(wide), None, p.dt_proj_bias.to(wide))
    return _scan_restored(inputs, gate, orders, backend)


def _scan_restored(inputs: ScanInputs, z: torch.Tensor | None, orders: Orders, backend: str) -> torch.Tensor:
    chosen: Any = coarse_backend(backend, "scan_restore", *inputs, z, *orders)
    if chosen is not None:
        result: torch.Tensor = chosen.scan_restore(inputs, z, *orders)
        return result
    u, delta, A, B, C, D, _, bias = inputs
    y = selective_scan_grouped(u, delta, A, B, C, D, delta_bias=bias, backend=backend)
    return restore_order(y, *orders, backend=backend) if z is None else restore_gate(y, z, *orders, backend=backend)


def _visited(x: torch.Tensor, orders: Orders, p: BranchParameters, backend: str) -> torch.Tensor:
    """The tokens (G, B, L', D) in the orders of their directions, convolved where the directions have convolutions."""
    if p.conv_weight is None or p.conv_bias is None:
        return gather_rows(x.expand(len(orders.order), *x.shape), *orders)
    taps, bias = p.conv_weight.to(x.dtype), p.conv_bias.to(x.dtype)
    return reorder_conv_silu(x, orders.order, taps, bias, backend=backend)
