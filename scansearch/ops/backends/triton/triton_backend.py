"""The backend ``triton``: what it takes, and its operations, each a call of an operator."""

from __future__ import annotations

import os
from importlib.util import find_spec

import torch
from typing_extensions import override

from scansearch.ops.backends.own_kernels import OwnKernels, gated, scanned
from scansearch.ops.backends.triton.launches import GATE, MIXTURE, NORM_REDUCE, SCAN, VISIT, WEIGH, WEIGHED_MIXTURE
from scansearch.ops.gather import gather_rows
from scansearch.ops.shapes import ScanInputs

Tensor = torch.Tensor
INTERPRETED = os.environ.get("TRITON_INTERPRET", "") in ("1", "true", "on", "yes")
"""Whether kernels run in Triton's interpreter, on the CPU: to check them, for nothing is slower."""
MOST_STATES, MOST_CHANNELS, MOST_MAPS = 64, 4096, 128
OLDEST = (7, 0)
"""Compute capability of the oldest GPU that Triton compiles for."""


class Triton(OwnKernels):
    """Kernels that Triton compiles when they are first needed."""

    name, priority = "triton", 1 if INTERPRETED else 30
    devices = ("cpu", "cuda") if INTERPRETED else ("cuda",)
    dtypes = (torch.float32, torch.float16, torch.bfloat16)
    visiting, reading, weighing, mixing, mixing_weighed = VISIT, NORM_REDUCE, WEIGH, MIXTURE, WEIGHED_MIXTURE
    checked = () if INTERPRETED else ("cuda",)

    @override
    def available(self) -> str | None:
        if find_spec("triton") is None:
            return "the package triton is not installed; CUDA builds of PyTorch bring it"
        if not INTERPRETED and not torch.cuda.is_available():
            return "it computes on a CUDA GPU, but torch finds none here"
        return None

    @override
    def self_check(self) -> str | None:
        if (found := torch.cuda.get_device_capability()) < OLDEST:
            return f"Triton needs a GPU of compute capability {OLDEST[0]}.{OLDEST[1]} or newer, but this one has {found[0]}.{found[1]}"
        from scansearch.ops.backends.triton.self_check import differences

        return differences("cuda")

    @override
    def describe(self) -> str:
        import triton

        where = "in its interpreter, to check kernels" if INTERPRETED else f"on {torch.cuda.get_device_name()}"
        return f"triton {triton.__version__} {where}; float32, float16, bfloat16"

    @override
    def supports(self, op: str, *tensors: Tensor | None) -> str | None:
        if op in ("scan", "scan_restore") and (A := tensors[2]) is not None and A.shape[2] > MOST_STATES:
            return f"it has up to {MOST_STATES} states, but got {A.shape[2]}"
        mixes = op in ("mixture", "weighed_mixture")
        if mixes and (branches := tensors[0]) is not None and branches.shape[3] > MOST_CHANNELS:
            return f"it normalises up to {MOST_CHANNELS} channels, but got {branches.shape[3]}"
        if op == "norm_reduce" and (weight := tensors[1]) is not None and weight.shape[0] > MOST_MAPS:
            return f"its maps have up to {MOST_MAPS} rows, but got {weight.shape[0]}"
        return super().supports(op, *tensors)

    def scan(self, inputs: ScanInputs, delta_softplus: bool) -> Tensor:
        """See ``selective_scan_grouped``."""
        given, u = scanned(inputs), inputs.u
        y: Tensor = SCAN(*given, u.new_empty(0), u.new_empty(0, dtype=torch.int64), u.shape[2], delta_softplus)
        return gated(y, inputs.z)

    def scan_restore(self, inputs: ScanInputs, z: Tensor | None, order: Tensor, inverse: Tensor) -> Tensor:
        """The scan of a branch, written where its tokens stand, under their gate: nothing keeps what comes before that."""
        gate = inputs.u.new_empty(0) if z is None else z
        result: Tensor = SCAN(*scanned(inputs), gate, order, inverse.shape[1], True)
        return result

    def restore_gate(self, y: Tensor, z: Tensor | None, order: Tensor, inverse: Tensor) -> Tensor:
        """See ``scansearch.ops.restore_gate``; without z, ``restore_order``, which is a gather and needs no kernel."""
        result: Tensor = gather_rows(y, inverse, order) if z is None else GATE(y, z, order, inverse)
        return result


TRITON = Triton()
