"""The backend ``vmamba_scan``: the CUDA scans that VMamba compiles, where one of them is installed; others compute the rest.

Its extensions ``selective_scan_cuda_oflex`` and ``selective_scan_cuda_core`` take any number of states, and
``selective_scan_cuda_ndstate`` one alone, without an axis for it.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any

import torch
from typing_extensions import override

from scansearch.ops.backends.extension import Extension, cannot_import, is_installed, no_gpu, scan_operator

Tensor = torch.Tensor
ONE_STATE, ANY_STATES = "selective_scan_cuda_ndstate", ("selective_scan_cuda_oflex", "selective_scan_cuda_core")
MODULES = (ONE_STATE, *ANY_STATES)
"""The one that is made for one state comes first."""
INSTALL = "pip install --no-build-isolation ./kernels/selective_scan in a checkout of VMamba"
ROWS = 1
"""Channels that a block of the kernels computes together; they are compiled for no other number."""


class VMambaScan(Extension):
    """The scans that VMamba compiles for CUDA."""

    name, priority = "vmamba_scan", 19
    operator = scan_operator("vmamba_scan", __name__)

    @override
    def available(self) -> str | None:
        installed = [module for module in MODULES if is_installed(module)]
        if not installed:
            return f"no extension of VMamba's selective_scan is installed; {INSTALL}"
        failures = {module: cannot_import(module) for module in installed}
        if None not in failures.values():
            said = "; ".join(f"{module} cannot be imported ({why})" for module, why in failures.items())
            return f"VMamba's extension {said}; build it for this torch: {INSTALL}"
        return no_gpu()

    @override
    def describe(self) -> str:
        working = ", ".join(module for module in MODULES if _works(module))
        return f"the CUDA scan of VMamba ({working}); other operations run on the next backend"

    @override
    def supports(self, op: str, *tensors: Tensor | None) -> str | None:
        if op == "scan" and (A := tensors[2]) is not None and A.shape[2] != 1 and not _for_states(A.shape[2]):
            return f"{ONE_STATE}, which alone is there, has 1 state, but got {A.shape[2]}"
        return super().supports(op, *tensors)


def forward(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor, softplus: bool
) -> tuple[Tensor, Tensor]:
    """y, of u's type, and what the backward pass needs."""
    name, module = _chosen(A)
    rest = (False,) if name == "selective_scan_cuda_oflex" else ()  # whether y is in float32 whatever u's type is
    y, kept = module.fwd(u, delta, *_shaped(name, A, B, C), D, bias, softplus, ROWS, *rest)
    return y, kept


def backward(
    dy: Tensor, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor, softplus: bool,
    kept: Tensor,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Gradients of u, delta, A, B, C, D and bias."""
    name, module = _chosen(A)
    shaped = _shaped(name, A, B, C)
    du, ddelta, dA, dB, dC, dD, dbias = module.bwd(u, delta, *shaped, D, bias, dy.contiguous(), kept, softplus, ROWS)
    return du, ddelta, dA.view_as(A), dB.view_as(B), dC.view_as(C), dD, dbias


def _shaped(name: str, A: Tensor, B: Tensor, C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return (A.squeeze(1), B.squeeze(2), C.squeeze(2)) if name == ONE_STATE else (A, B, C)


def _chosen(A: Tensor) -> tuple[str, Any]:
    name = _for_states(A.shape[1])
    return name, importlib.import_module(name)


def _for_states(states: int) -> str:
    """The module that scans so many states; empty if none does."""
    return next((module for module in MODULES if (states == 1 or module != ONE_STATE) and _works(module)), "")


# torch.compile looks into ``supports``, and must not look into imports.
_for_states._dynamo_marked_constant = True  # type: ignore[attr-defined]


@lru_cache
def _works(module: str) -> bool:
    return is_installed(module) and cannot_import(module) is None


VMAMBA_SCAN = VMambaScan()
