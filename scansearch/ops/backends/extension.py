"""What backends share that call the compiled scan of another package: its layout, its types, and why it is not there."""

from __future__ import annotations

import importlib
from importlib.util import find_spec

import torch
from torch.nn import functional as F
from typing_extensions import override

from scansearch.ops.backends.base import Backend
from scansearch.ops.operator import Operator
from scansearch.ops.shapes import ScanInputs

Tensor = torch.Tensor
CHUNK = 2048
"""Steps after which these kernels keep their state for the backward pass."""
MOST_STATES = 256


def is_installed(module: str) -> bool:
    """Whether there is a module of this name, though it may not be importable."""
    return find_spec(module) is not None


def cannot_import(module: str) -> str | None:
    """``None`` if the module can be imported; otherwise why not, in one line."""
    try:
        importlib.import_module(module)
    except Exception as error:  # a library built for another torch fails in many ways
        return " ".join(f"{type(error).__name__}: {error}".split())
    return None


def no_gpu() -> str | None:
    """``None`` if torch finds a GPU."""
    return None if torch.cuda.is_available() else "it computes on a CUDA GPU, but torch finds none here"


def scan_operator(name: str, home: str) -> Operator:
    """An operator whose ``home`` calls a compiled scan: panels lie in it as (B, G*D, L), maps as (B, G, N, L).

    Args:
        name: As in ``Operator``.
        home: A module with ``forward`` and ``backward``, which keeps (B, G*D, chunks, 2*N) in float32.
    """

    def fake(
        u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor, softplus: bool
    ) -> tuple[Tensor, Tensor]:
        kept = (*u.shape[:2], -(-u.shape[2] // CHUNK), 2 * A.shape[1])
        return u.new_empty(u.shape), u.new_empty(kept, dtype=torch.float32)

    arguments = "Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor D, Tensor bias, bool softplus"
    return Operator(name, arguments, fake, home, gradients=7, kept=1, key="CompositeExplicitAutograd")


class Extension(Backend):
    """A scan that another package compiles for CUDA; computes in u's type, with A, D and the bias in float32.

    Attributes:
        operator: Made by ``scan_operator``.
    """

    devices, dtypes = ("cuda",), (torch.float32, torch.float16, torch.bfloat16)
    operator: Operator

    @override
    def supports(self, op: str, *tensors: Tensor | None) -> str | None:
        if op == "scan" and (A := tensors[2]) is not None and A.shape[2] > MOST_STATES:
            return f"it has up to {MOST_STATES} states, but got {A.shape[2]}"
        return super().supports(op, *tensors)

    def scan(self, inputs: ScanInputs, delta_softplus: bool) -> Tensor:
        """See ``selective_scan_grouped``."""
        u, delta, A, B, C, D, z, delta_bias = inputs
        groups, batch, length, channels = u.shape
        zeros = torch.zeros(groups, channels, dtype=torch.float32, device=u.device)

        def panel(x: Tensor) -> Tensor:
            return x.permute(1, 0, 3, 2).reshape(batch, -1, length).to(u.dtype).contiguous()

        def maps(x: Tensor) -> Tensor:
            return x.permute(1, 0, 3, 2).to(u.dtype).contiguous()

        def constant(x: Tensor | None) -> Tensor:
            return (zeros if x is None else x).float().flatten(0, 1).contiguous()

        given = panel(u), panel(delta), constant(A), maps(B), maps(C), constant(D), constant(delta_bias)
        y: Tensor = self.operator(*given, delta_softplus)
        y = y.view(batch, groups, channels, length).permute(1, 0, 3, 2)
        return y if z is None else (y * F.silu(z)).to(u.dtype)
