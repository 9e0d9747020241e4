"""The kernels of the ``triton`` backend as operators of torch. None of these is imported before it runs."""

from __future__ import annotations

import torch

from scansearch.ops.operator import Operator
from scansearch.ops.shapes import mixed_like, reduced_like, visited_like, weighed_like, weighed_mixture_like

Tensor = torch.Tensor
HOME = "scansearch.ops.backends.triton"
ANY_DEVICE = "CompositeExplicitAutograd"
"""The GPU's tensors, and in the interpreter the CPU's."""


def _scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor, z: Tensor, order: Tensor, tokens: int,
    softplus: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    from scansearch.ops.backends.triton.launch_scan import kept_shape

    (groups, batch, _, width), states = u.shape, A.shape[2]
    kept = u.new_empty(kept_shape(u.shape, states), dtype=torch.float32)
    return u.new_empty(groups, batch, tokens, width), kept


def _gate(y: Tensor, z: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
    return y.new_empty(*y.shape[:2], inverse.shape[1], y.shape[3])


def _norm_reduce(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return *reduced_like(x, weight), x.new_empty(2, *x.shape[:3], dtype=torch.float32)


SCAN = Operator(
    "triton_scan",
    "Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor D, Tensor bias, Tensor z, Tensor order, int tokens, bool softplus",
    _scan,
    f"{HOME}.launch_scan",
    gradients=8,
    kept=1,
    key=ANY_DEVICE,
)
VISIT = Operator(
    "triton_reorder_conv_silu",
    "Tensor x, Tensor weight, Tensor bias, Tensor order",
    visited_like,
    f"{HOME}.launch_visit",
    gradients=3,
    key=ANY_DEVICE,
)
GATE = Operator(
    "triton_restore_gate",
    "Tensor y, Tensor z, Tensor order, Tensor inverse",
    _gate,
    f"{HOME}.launch_gate",
    gradients=2,
    key=ANY_DEVICE,
)
NORM_REDUCE = Operator(
    "triton_norm_reduce",
    "Tensor x, Tensor weight",
    _norm_reduce,
    f"{HOME}.launch_reduce",
    gradients=2,
    outputs=2,
    kept=1,
    through=True,
    key=ANY_DEVICE,
)
WEIGH = Operator(
    "triton_weigh",
    "Tensor x, Tensor channel, Tensor token",
    weighed_like,
    f"{HOME}.launch_weigh",
    gradients=3,
    key=ANY_DEVICE,
)
MIXTURE = Operator(
    "triton_mixture",
    "Tensor branches, Tensor weights",
    mixed_like,
    f"{HOME}.launch_mixture",
    gradients=2,
    key=ANY_DEVICE,
)
WEIGHED_MIXTURE = Operator(
    "triton_weighed_mixture",
    "Tensor x, Tensor channel, Tensor token, Tensor weights",
    weighed_mixture_like,
    f"{HOME}.launch_weighed_mixture",
    gradients=4,
    key=ANY_DEVICE,
)
