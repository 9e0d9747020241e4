"""The numerics of a scan layer: the selective scan, what comes before it and what after.

Inside, everything has panel layout, (G, B, L, D): G groups (the directions of a layer), B samples, L steps, D channels.
All directions of a layer run in one call. ``direction_branches`` and ``mixed_branches`` are a whole layer's branches; they are made
of the others. Every operation takes ``backend``, whom to ask first:

* ``reference``: plain loops under autograd, in any precision; slow, the yardstick of the tests;
* ``torch``: vectorised over everything but time, with a backward pass of its own; any device and precision;
* ``cpu``: float32 kernels compiled by numba, on explicit vectors;
* ``triton``: kernels for a GPU, in float32, float16 and bfloat16, which need no compiler;
* ``mamba_ssm`` and ``vmamba_scan``: the CUDA scans of the package mamba-ssm and of VMamba, where they are installed;
* ``auto``: the fastest of these that works for the tensors at hand.

What a backend does not have or does not take, the next one computes, operation by operation; where it was asked for by name, a
warning says so once. ``backends/base.py`` says what a backend is.

Every kernel is an operator of torch, ``torch.ops.scansearch.*``: see ``operator.py``. Importing this package makes them known
and does not import numba.
"""

import scansearch.ops.backends.cpu.operators
import scansearch.ops.backends.mamba_ssm
import scansearch.ops.backends.torch
import scansearch.ops.backends.triton.launches
import scansearch.ops.backends.vmamba_scan  # noqa: F401  (a saved graph finds its operators once this package is imported)
from scansearch.ops.backends import BackendStatus, backend_report, resolve_backend
from scansearch.ops.branches import direction_branches, mixed_branches
from scansearch.ops.mixing import mixture, norm_reduce, weigh, weighed_mixture
from scansearch.ops.parameters import BranchParameters, Orders
from scansearch.ops.scan import selective_scan, selective_scan_grouped
from scansearch.ops.token_order import reorder_conv_silu, restore_gate, restore_order

__all__ = [
    "BackendStatus",
    "BranchParameters",
    "Orders",
    "backend_report",
    "direction_branches",
    "mixed_branches",
    "mixture",
    "norm_reduce",
    "reorder_conv_silu",
    "resolve_backend",
    "restore_gate",
    "restore_order",
    "selective_scan",
    "selective_scan_grouped",
    "weigh",
    "weighed_mixture",
]
