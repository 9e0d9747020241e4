"""The backend ``mamba_ssm``: the CUDA scan of the package mamba-ssm, if it is installed; other backends compute the rest.

The extension is called directly: the package around it imports far more than a scan needs.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from typing_extensions import override

from scansearch.ops.backends.extension import Extension, cannot_import, is_installed, no_gpu, scan_operator

Tensor = torch.Tensor
MODULE = "selective_scan_cuda"
INSTALL = 'MAMBA_KEEP_CUDA_BUILD=TRUE pip install --no-build-isolation "scansearch[cuda]"'
REBUILD = (
    "MAMBA_KEEP_CUDA_BUILD=TRUE MAMBA_FORCE_BUILD=TRUE pip install --no-build-isolation --no-cache-dir --force-reinstall "
    "--no-deps mamba-ssm"
)
"""Without its dependencies, one of which is torch, and not from a wheel that was built before."""


class MambaSsm(Extension):
    """The scan of Mamba-1 that mamba-ssm compiles for CUDA."""

    name, priority = "mamba_ssm", 20
    operator = scan_operator("mamba_ssm_scan", __name__)

    @override
    def available(self) -> str | None:
        if not is_installed(MODULE):
            if is_installed("mamba_ssm"):
                return f"mamba-ssm is installed without its Mamba-1 scan, the extension {MODULE}; build it: {REBUILD}"
            return f"mamba-ssm is not installed; {INSTALL}"
        if (why := cannot_import(MODULE)) is not None:
            return f"mamba-ssm's extension {MODULE} cannot be imported ({why}); build it for this torch: {REBUILD}"
        return no_gpu()

    @override
    def describe(self) -> str:
        return "the CUDA scan of mamba-ssm; other operations run on the next backend"


def forward(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor, softplus: bool
) -> tuple[Tensor, Tensor]:
    """y, and what the backward pass needs."""
    y, kept = _module().fwd(u, delta, A, B, C, D, None, bias, softplus)
    return y, kept


def backward(
    dy: Tensor, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor, softplus: bool,
    kept: Tensor,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Gradients of u, delta, A, B, C, D and bias."""
    # No gate and so no result under it, no place for the gate's gradient, and nothing to compute once more.
    return tuple(_module().bwd(u, delta, A, B, C, D, None, bias, dy.contiguous(), kept, None, None, softplus, False))


def _module() -> Any:
    return importlib.import_module(MODULE)


MAMBA_SSM = MambaSsm()
