"""The selective scan of Mamba (Gu and Dao, arXiv 2312.00752, section 3), one signature for all backends."""

from __future__ import annotations

from typing import Any

import torch

from scansearch.errors import ScansearchError
from scansearch.ops.backends import backend_for
from scansearch.ops.shapes import OPTIONAL, ScanInputs, check_scan, expect, expect_rank, expect_tensors


def selective_scan_grouped(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    D: torch.Tensor | None = None,
    z: torch.Tensor | None = None,
    delta_bias: torch.Tensor | None = None,
    *,
    delta_softplus: bool = True,
    backend: str = "auto",
) -> torch.Tensor:
    """Runs G groups of scans at once, in panel layout.

    With delta' = softplus(delta + delta_bias), for every group, sample and channel d, and every state n::

        h_t[n] = exp(delta'_t A[d, n]) h_(t-1)[n] + delta'_t B_t[n] u_t        h_(-1) = 0
        y_t = sum_n C_t[n] h_t[n] + D[d] u_t,   times SiLU(z_t) if z is given

    Gradients flow to every tensor. There is no second derivative: asking for one raises a RuntimeError.

    Args:
        u: Input (G, B, L, D).
        delta: Step sizes before bias and softplus (G, B, L, D).
        A: State matrix, diagonal, normally negative (G, D, N).
        B: Input map (G, B, L, N).
        C: Output map (G, B, L, N).
        D: Skip connection (G, D).
        z: Gate (G, B, L, D).
        delta_bias: (G, D).
        delta_softplus: Whether softplus is applied to delta.
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        y (G, B, L, D), of u's type.

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
    """
    inputs = ScanInputs(u, delta, A, B, C, D, z, delta_bias)
    check_scan(inputs)
    chosen: Any = backend_for(backend, "scan", *inputs)
    result: torch.Tensor = chosen.scan(inputs, delta_softplus)
    return result


def selective_scan(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    D: torch.Tensor | None = None,
    z: torch.Tensor | None = None,
    delta_bias: torch.Tensor | None = None,
    *,
    delta_softplus: bool = True,
    backend: str = "auto",
) -> torch.Tensor:
    """``selective_scan_grouped`` in the layout of mamba-ssm: channels before time, groups side by side.

    Args:
        u: Input (B, G*D, L).
        delta: Step sizes before bias and softplus (B, G*D, L).
        A: State matrix (G*D, N).
        B: Input map (B, G, N, L).
        C: Output map (B, G, N, L).
        D: Skip connection (G*D).
        z: Gate (B, G*D, L).
        delta_bias: (G*D).
        delta_softplus: Whether softplus is applied to delta.
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        y (B, G*D, L), of u's type.

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
    """
    expect_tensors(OPTIONAL, u=u, delta=delta, A=A, B=B, C=C, D=D, z=z, delta_bias=delta_bias)
    expect_rank("u", u, "(B, G*D, L)")
    expect_rank("B", B, "(B, G, N, L)")
    batch, width, length = u.shape
    groups = B.shape[1]
    if groups == 0 or width % groups:
        raise ScansearchError(f"the channels of u must divide into the groups of B, but got {width} and {groups}")
    for name, tensor in (("delta", delta), ("z", z)):
        expect(name, tensor, (batch, width, length), "(B, G*D, L)")
    for name, tensor in (("D", D), ("delta_bias", delta_bias)):
        expect(name, tensor, (width,), "(G*D)")
    expect_rank("A", A, "(G*D, N)")
    expect("A", A, (width, A.shape[1]), "(G*D, N)")
    y = selective_scan_grouped(
        _to_panels(u, groups),
        _to_panels(delta, groups),
        A.unflatten(0, (groups, width // groups)),
        B.permute(1, 0, 3, 2),
        C.permute(1, 0, 3, 2),
        None if D is None else D.unflatten(0, (groups, width // groups)),
        None if z is None else _to_panels(z, groups),
        None if delta_bias is None else delta_bias.unflatten(0, (groups, width // groups)),
        delta_softplus=delta_softplus,
        backend=backend,
    )
    return y.permute(1, 0, 3, 2).flatten(1, 2)


def _to_panels(x: torch.Tensor, groups: int) -> torch.Tensor:
    # A view: the cpu kernel and mamba-ssm read this layout where it lies.
    return x.unflatten(1, (groups, x.shape[1] // groups)).permute(1, 0, 3, 2)
