"""The backend ``cpu``: float32 kernels on explicit vectors, compiled by numba, run on torch's own threads.

Each operation has two files: ``X_kernels.py`` (or ``scan_forward.py`` and ``scan_backward.py``) holds what is compiled, and
``X.py`` hands tensors to it, forward and backward; ``scansearch/ops/operators.py`` makes an operator of torch of these two.
Importing this package imports numba.
"""

from __future__ import annotations

from scansearch.errors import BackendUnavailableError
from scansearch.ops.cpu.conv import reorder_conv_silu
from scansearch.ops.cpu.gate import restore_gate
from scansearch.ops.cpu.kernel import threads_from
from scansearch.ops.cpu.mixture import mixture
from scansearch.ops.cpu.reduce import norm_reduce
from scansearch.ops.cpu.scan import scan
from scansearch.ops.cpu.simd import LANES
from scansearch.ops.cpu.weigh import weigh

__all__ = ["check", "mixture", "norm_reduce", "reorder_conv_silu", "restore_gate", "scan", "weigh"]


def check(device_type: str) -> str:
    """What this backend runs on.

    Raises:
        BackendUnavailableError: If the tensors are not on the CPU.
    """
    if device_type != "cpu":
        raise BackendUnavailableError(f"it computes on the CPU, but the tensors are on {device_type}")
    return f"numba, float32, vectors of {LANES}, threads: {threads_from()}"
