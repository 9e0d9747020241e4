"""The numerics of a scan layer: the selective scan, what comes before it and what after.

Inside, everything has panel layout, (G, B, L, D): G groups (the directions of a layer), B samples, L steps, D channels.
All directions of a layer run in one call. Every operation takes ``backend``:

* ``reference``: plain loops under autograd, in any precision; slow, the yardstick of the tests;
* ``torch``: vectorised over everything but time, with a backward pass of its own; any device and precision;
* ``cpu``: float32 kernels compiled by numba, on explicit vectors;
* ``mamba_ssm``: the CUDA kernels of the package mamba-ssm, where it is installed;
* ``auto``: the fastest of these that works for the tensors at hand.

Every kernel is an operator of torch, ``torch.ops.scansearch.*``: see ``operators.py``. Importing this package makes them known
and does not import numba.
"""

from scansearch.ops import operators  # noqa: F401  (a saved graph finds its operators once this package is imported)
from scansearch.ops.backends import BackendStatus, backend_report, resolve_backend
from scansearch.ops.mixing import mixture, norm_reduce, weigh
from scansearch.ops.order import reorder_conv_silu, restore_gate, restore_order
from scansearch.ops.scan import selective_scan, selective_scan_grouped

__all__ = [
    "BackendStatus",
    "backend_report",
    "mixture",
    "norm_reduce",
    "reorder_conv_silu",
    "resolve_backend",
    "restore_gate",
    "restore_order",
    "selective_scan",
    "selective_scan_grouped",
    "weigh",
]
