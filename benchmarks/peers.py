"""Other ways to compute a selective scan on a CPU, all with one signature.

u, delta (G, B, L, D); A (G, D, N); B, C (G, B, L, N); D, delta_bias (G, D); returns y (G, B, L, D). The step sizes go through
softplus. All gradients come from ``backward``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch.nn import functional as F

from benchmarks import jax_scan, vmamba_scan
from benchmarks.time_major import recurrence
from scansearch.ops import selective_scan_grouped

Scan = Callable[..., torch.Tensor]


def cpu(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    D: torch.Tensor,
    delta_bias: torch.Tensor,
) -> torch.Tensor:
    """Ours: the numba kernels."""
    return selective_scan_grouped(u, delta, A, B, C, D, delta_bias=delta_bias, backend="cpu")


def time_major(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    D: torch.Tensor,
    delta_bias: torch.Tensor,
) -> torch.Tensor:
    """One vectorised PyTorch step in time after the other, with a hand-written backward pass."""
    step = F.softplus(delta + delta_bias[:, None, None])
    return recurrence(u, step, A, B, C) + D[:, None, None] * u


def fallback(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    D: torch.Tensor,
    delta_bias: torch.Tensor,
) -> torch.Tensor:
    """Ours where the kernels do not run: time-major as well, in about half the time of the usual form."""
    return selective_scan_grouped(u, delta, A, B, C, D, delta_bias=delta_bias, backend="torch")


def unbind(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    D: torch.Tensor,
    delta_bias: torch.Tensor,
) -> torch.Tensor:
    """The recurrence of mamba-ssm's reference under autograd, taking time apart with ``unbind``.

    Slicing ``x[:, :, t]``, as the reference does, makes the backward pass quadratic in L; ``unbind`` does not. Time comes
    first in memory, so that every step reads and writes one block.
    """
    step = F.softplus(delta + delta_bias[:, None, None]).permute(2, 0, 1, 3)  # (L, G, B, D)
    decays = torch.exp(step.unsqueeze(-1) * A[:, None]).unbind(0)
    inputs = step * u.permute(2, 0, 1, 3)
    drives = (inputs.unsqueeze(-1) * B.permute(2, 0, 1, 3).unsqueeze(-2)).unbind(0)
    maps = C.permute(2, 0, 1, 3).unsqueeze(-1).unbind(0)
    state, outputs = torch.zeros_like(drives[0]), []
    for decay, drive, output in zip(decays, drives, maps, strict=True):
        state = torch.addcmul(drive, decay, state)
        outputs.append(torch.matmul(state, output).squeeze(-1))
    return torch.stack(outputs, 2) + D[:, None, None] * u


def mambapy(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    D: torch.Tensor,
    delta_bias: torch.Tensor,
) -> torch.Tensor:
    """The parallel scan of mambapy, called as its own model does; the groups join the batch, so one call serves all."""
    from mambapy.pscan import pscan

    step = F.softplus(delta + delta_bias[:, None, None])
    decay = torch.exp(step.unsqueeze(-1) * A[:, None, None])  # (G, B, L, D, N)
    drive = step.unsqueeze(-1) * B.unsqueeze(-2) * u.unsqueeze(-1)
    states = pscan(decay.flatten(0, 1), drive.flatten(0, 1)).view(decay.shape)
    return torch.matmul(states, C.unsqueeze(-1)).squeeze(-1) + D[:, None, None] * u


VMAMBA = "VMamba selective_scan_easy"
PEERS: dict[str, Scan] = {
    "torch (ours)": fallback,
    "time-major": time_major,
    "unbind": unbind,
    "mambapy": mambapy,
    "JAX lax.scan": jax_scan.in_steps,
    "JAX associative_scan": jax_scan.associative,
    VMAMBA: vmamba_scan.in_chunks,
}
PACKAGES = {"mambapy": "mambapy", "JAX lax.scan": "jax", "JAX associative_scan": "jax"}
"""What a peer must find installed."""


def absent_peers() -> dict[str, str]:
    """Peers that cannot run here, each with the reason."""
    missing = {name: package for name, package in PACKAGES.items() if not find_spec(package)}
    reasons = {name: f"not installed; pip install {package}" for name, package in missing.items()}
    return reasons if (reason := vmamba_scan.absent()) is None else {**reasons, VMAMBA: reason}


def available_peers() -> dict[str, Scan]:
    """The peers that run here."""
    return {name: scan for name, scan in PEERS.items() if name not in absent_peers()}
