"""The kernels as operators of torch: what each takes and gives, and where it is. None of these is imported before it runs."""

from __future__ import annotations

import torch

from scansearch.ops.operator import Operator
from scansearch.ops.shapes import mixed_like, reduced_like, visited_like, weighed_like, weighed_mixture_like

Tensor = torch.Tensor
HOME = "scansearch.ops.backends.cpu"


def _scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor, softplus: bool, keep: bool
) -> tuple[Tensor, Tensor]:
    from scansearch.ops.backends.cpu.scan import kept_shape

    return u.new_empty(u.shape), u.new_empty(kept_shape(u.shape, A.shape[2]) if keep else (0,))


def _gate(y: Tensor, z: Tensor, inverse: Tensor) -> Tensor:
    return y.new_empty(*y.shape[:2], inverse.shape[1], y.shape[3])


SCAN = Operator(
    "cpu_scan",
    "Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor D, Tensor bias, bool softplus, bool keep",
    _scan,
    f"{HOME}.scan",
    gradients=7,
    kept=1,
)
CONV = Operator(
    "cpu_reorder_conv_silu",
    "Tensor x, Tensor weight, Tensor bias, Tensor order",
    visited_like,
    f"{HOME}.conv",
    gradients=3,
)
GATE = Operator("cpu_restore_gate", "Tensor y, Tensor z, Tensor inverse", _gate, f"{HOME}.gate", gradients=2)
NORM_REDUCE = Operator(
    "cpu_norm_reduce", "Tensor x, Tensor weight", reduced_like, f"{HOME}.reduce", gradients=2, outputs=2, through=True
)
WEIGH = Operator("cpu_weigh", "Tensor x, Tensor channel, Tensor token", weighed_like, f"{HOME}.weigh", gradients=3)
MIXTURE = Operator("cpu_mixture", "Tensor branches, Tensor weights", mixed_like, f"{HOME}.mixture", gradients=2)
WEIGHED_MIXTURE = Operator(
    "cpu_weighed_mixture",
    "Tensor x, Tensor channel, Tensor token, Tensor weights",
    weighed_mixture_like,
    f"{HOME}.weighed_mixture",
    gradients=4,
)
ALL = (SCAN, CONV, GATE, NORM_REDUCE, WEIGH, MIXTURE, WEIGHED_MIXTURE)
