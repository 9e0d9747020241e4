"""The backend ``cpu``: what it takes, and its operations, each a call of an operator."""

from __future__ import annotations

import torch
from typing_extensions import override

from scansearch.ops.backends.cpu.operators import CONV, GATE, MIXTURE, NORM_REDUCE, SCAN, WEIGH, WEIGHED_MIXTURE
from scansearch.ops.backends.own_kernels import OwnKernels, gated, scanned
from scansearch.ops.gather import gather_rows
from scansearch.ops.operator import needs_gradient
from scansearch.ops.shapes import ScanInputs

Tensor = torch.Tensor
TAPS = 4
"""Taps of the kernels' convolution; a shorter one is filled up with zeros in front."""
MAX_FUSED_WEIGHTS = 4096
"""A larger map does not stay in the first-level cache: there a matrix product is faster."""


class Cpu(OwnKernels):
    """Kernels that numba compiles, in float32."""

    name, priority = "cpu", 20
    devices, dtypes = ("cpu",), (torch.float32,)
    visiting, reading, weighing, mixing, mixing_weighed = CONV, NORM_REDUCE, WEIGH, MIXTURE, WEIGHED_MIXTURE

    @override
    def available(self) -> str | None:
        import scansearch.ops.backends.cpu.kernel  # noqa: F401  (an ImportError names what is not installed)

        return None

    @override
    def describe(self) -> str:
        from scansearch.ops.backends.cpu.kernel import threads_from
        from scansearch.ops.backends.cpu.lanes import LANES

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
        given = scanned(inputs)
        y: Tensor = SCAN(*given, delta_softplus, needs_gradient(*given))
        return gated(y, inputs.z)

    def restore_gate(self, y: Tensor, z: Tensor | None, order: Tensor, inverse: Tensor) -> Tensor:
        """See ``scansearch.ops.restore_gate``; without z, ``restore_order``, which is a gather and needs no kernel."""
        result: Tensor = gather_rows(y, inverse, order) if z is None else GATE(y, z, inverse)
        return result


CPU = Cpu()
