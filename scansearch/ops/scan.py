"""The selective scan of Mamba (Gu and Dao, arXiv 2312.00752, section 3): one signature, several backends."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import torch
from torch.nn import functional as F

from scansearch.errors import ScansearchError
from scansearch.ops.backends import resolve_backend

MODULES = {"reference": "reference", "torch": "time_major", "cpu": "cpu_backend", "mamba_ssm": "mamba"}


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
    """Selective scans of G groups in one call, channels innermost.

    h_t = exp(delta_t A) h_(t-1) + delta_t B_t u_t;  y_t = C_t h_t + D u_t;  times SiLU(z_t) if z is given.

    Args:
        u: Input, (G, B, L, D).
        delta: Step sizes before bias and softplus, (G, B, L, D).
        A: Decay rates, usually negative, (G, D, N).
        B: Input maps, (G, B, L, N).
        C: Output maps, (G, B, L, N).
        D: Skip weights, (G, D).
        z: Gate, (G, B, L, D).
        delta_bias: Added to delta, (G, D).
        delta_softplus: Whether the step sizes go through softplus.
        backend: ``"auto"``, ``"reference"``, ``"torch"``, ``"cpu"`` or ``"mamba_ssm"``.

    Returns:
        y, (G, B, L, D).

    Raises:
        ScansearchError: If the shapes do not fit, or the backend cannot run or compute this.
    """
    _check(u, delta, A, B, C, D, z, delta_bias)
    chosen = resolve_backend(backend, u)
    scan: Callable[..., torch.Tensor] = import_module(f"scansearch.ops.{MODULES[chosen]}").scan
    y = scan(u, delta, A, B, C, D, delta_bias, delta_softplus)
    return y if z is None else y * F.silu(z)


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
    """The same in the layout of mamba-ssm.

    Args:
        u: Input, (B, G*D, L).
        delta: Step sizes before bias and softplus, (B, G*D, L).
        A: Decay rates, (G*D, N).
        B: Input maps, (B, G, N, L).
        C: Output maps, (B, G, N, L).
        D: Skip weights, (G*D,).
        z: Gate, (B, G*D, L).
        delta_bias: Added to delta, (G*D,).
        delta_softplus: Whether the step sizes go through softplus.
        backend: As ``selective_scan_grouped``.

    Returns:
        y, (B, G*D, L).

    Raises:
        ScansearchError: If the shapes do not fit, or the backend cannot run or compute this.
    """
    if u.ndim != 3 or B.ndim != 4 or u.shape[1] % B.shape[1]:
        raise ScansearchError(
            f"u is (B, G*D, L) and B is (B, G, N, L), but got u {tuple(u.shape)} and B {tuple(B.shape)}"
        )
    groups = B.shape[1]

    def panel(x: torch.Tensor | None) -> torch.Tensor | None:
        return None if x is None else x.unflatten(1, (groups, -1)).permute(1, 0, 3, 2)

    def split(x: torch.Tensor | None) -> torch.Tensor | None:
        return None if x is None else x.unflatten(0, (groups, -1))

    def steps(x: torch.Tensor) -> torch.Tensor:
        return x.permute(1, 0, 3, 2)

    y = selective_scan_grouped(
        panel(u),  # type: ignore[arg-type]
        panel(delta),  # type: ignore[arg-type]
        split(A),  # type: ignore[arg-type]
        steps(B),
        steps(C),
        split(D),
        panel(z),
        split(delta_bias),
        delta_softplus=delta_softplus,
        backend=backend,
    )
    return y.permute(1, 0, 3, 2).flatten(1, 2)


def _check(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    *others: torch.Tensor | None,
) -> None:
    if u.ndim != 4 or A.ndim != 3:
        raise ScansearchError(f"u is (G, B, L, D) and A is (G, D, N), but got {tuple(u.shape)} and {tuple(A.shape)}")
    groups, batch, length, channels = u.shape
    states = A.shape[2]
    D, z, bias = others
    expected = {
        "delta": (delta, (groups, batch, length, channels)),
        "A": (A, (groups, channels, states)),
        "B": (B, (groups, batch, length, states)),
        "C": (C, (groups, batch, length, states)),
        "D": (D, (groups, channels)),
        "z": (z, (groups, batch, length, channels)),
        "delta_bias": (bias, (groups, channels)),
    }
    for name, (tensor, shape) in expected.items():
        if tensor is not None and tuple(tensor.shape) != shape:
            raise ScansearchError(
                f"with u {tuple(u.shape)}, {name} must have shape {shape}, but got {tuple(tensor.shape)}"
            )
    if min(groups, batch, length, channels, states) < 1:
        raise ScansearchError(
            f"a selective scan needs at least one of everything, but got u {tuple(u.shape)}, A {tuple(A.shape)}"
        )
