"""The backend ``cpu``: what it takes, and its operations, each a call of an operator."""

from __future__ import annotations

import torch
from torch.nn import functional as F
from typing_extensions import override

from scansearch.ops.backends.base import Backend
from scansearch.ops.backends.cpu.operators import CONV, GATE, MIXTURE, NORM_REDUCE, SCAN, WEIGH
from scansearch.ops.gather import gather_rows
from scansearch.ops.operator import needs_gradient
from scansearch.ops.shapes import ScanInputs

Tensor = torch.Tensor
TAPS = 4
"""Taps of the kernels' convolution; a shorter one is filled up with zeros in front."""
MAX_FUSED_WEIGHTS = 4096
"""A larger map does not stay in the first-level cache: there a matrix product is faster."""


class Cpu(Backend):
    """Kernels that numba compiles, in float32."""

    name, priority = "cpu", 20
    devices, dtypes = ("cpu",), (torch.float32,)

    @override
    def available(self) -> str | None:
        import scansearch.ops.backends.cpu.kernel  # noqa: F401  (an ImportError names what is not installed)

        return None

    @override
    def describe(self) -> str:
        from scansearch.ops.backends.cpu.kernel import threads_from
        from scansearch.ops.backends.cpu.simd import LANES

        return f"numba, float32, vectors of {LANES}, threads: {threads_from()}"

    @override
    def supports(self, op: str, *tensors: Tensor | None) -> str | None:
        if op == "reorder_conv_silu" and (weight := tensors[2]) is not None and weight.shape[2] > TAPS:
            return f"it convolves up to {TAPS} taps, but got {weight.shape[2]}"
        if op == "norm_reduce" and (weight := tensors[1]) is not None and weight.numel() > MAX_FUSED_WEIGHTS:
            return f"its maps have up to {MAX_FUSED_WEIGHTS} weights, but got {weight.numel()}"
        return super().supports(op, *tensors)

    def scan(self, inputs: ScanInputs, delta_softplus: bool) -> Tensor:
        """See ``selective_scan_grouped``."""
        u, delta, A, B, C, D, z, delta_bias = inputs
        zeros = u.new_zeros(u.shape[0], u.shape[3])
        given = (u, delta, A, B, C, zeros if D is None else D, zeros if delta_bias is None else delta_bias)
        y: Tensor = SCAN(*given, delta_softplus, needs_gradient(*given))
        return y if z is None else y * F.silu(z)

    def reorder_conv_silu(self, x: Tensor, order: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """See ``scansearch.ops.reorder_conv_silu``."""
        result: Tensor = CONV(x, weight, bias, order)
        return result

    def restore_gate(self, y: Tensor, z: Tensor | None, order: Tensor, inverse: Tensor) -> Tensor:
        """See ``scansearch.ops.restore_gate``; without z, ``restore_order``, which is a gather and needs no kernel."""
        result: Tensor = gather_rows(y, inverse, order) if z is None else GATE(y, z, inverse)
        return result

    def norm_reduce(self, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See ``scansearch.ops.norm_reduce``."""
        result: tuple[Tensor, Tensor, Tensor] = NORM_REDUCE(x, weight)
        return result

    def weigh(self, x: Tensor, channel: Tensor, token: Tensor) -> Tensor:
        """See ``scansearch.ops.weigh``."""
        result: Tensor = WEIGH(x, channel, token)
        return result

    def mixture(self, branches: Tensor, weights: Tensor) -> Tensor:
        """See ``scansearch.ops.mixture``."""
        result: Tensor = MIXTURE(branches, weights)
        return result


CPU = Cpu()
