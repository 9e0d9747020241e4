"""The backend ``torch``: every operation in vectorised PyTorch, on any device and in any precision."""

from __future__ import annotations

import torch
from torch.nn import functional as F
from typing_extensions import override

from scansearch.ops.backends.base import EPS, Backend
from scansearch.ops.backends.time_major import kept_shape
from scansearch.ops.gather import gather_rows, inverse_of
from scansearch.ops.operator import Operator, needs_gradient
from scansearch.ops.shapes import ScanInputs

Tensor = torch.Tensor


def _steps(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, keep: bool) -> tuple[Tensor, Tensor]:
    return u.new_empty(u.shape), u.new_empty(kept_shape(u.shape, A.shape[2]) if keep else (0,))


STEPS = Operator(
    "torch_scan",
    "Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, bool keep",
    _steps,
    "scansearch.ops.backends.time_major",
    gradients=5,
    kept=1,
    key="CompositeExplicitAutograd",
)


class Torch(Backend):
    """What runs everywhere."""

    name, priority = "torch", 10

    @override
    def describe(self) -> str:
        return "vectorised PyTorch, any device and precision"

    def scan(self, inputs: ScanInputs, delta_softplus: bool) -> torch.Tensor:
        """See ``selective_scan_grouped``."""
        u, delta, A, B, C, D, z, delta_bias = inputs
        precision = _precision(u, A)
        raw = delta.to(precision)
        if delta_bias is not None:
            raw = raw + delta_bias.to(precision)[:, None, None]
        step = F.softplus(raw) if delta_softplus else raw
        given = [t.to(precision) for t in (u, step, A, B, C)]
        y = STEPS(*given, needs_gradient(*given))
        if D is not None:
            y = torch.addcmul(y, D.to(precision)[:, None, None], u.to(precision))
        if z is not None:
            y = y * F.silu(z.to(precision))
        return y.to(u.dtype)

    def reorder_conv_silu(
        self, x: torch.Tensor, order: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        """See ``scansearch.ops.reorder_conv_silu``."""
        groups, length, taps = order.shape[0], order.shape[1], weight.shape[2]
        tokens = gather_rows(x.expand(groups, *x.shape), order, inverse_of(order, x.shape[1]))
        padded = F.pad(tokens, (0, 0, taps - 1, 0))
        total = bias[:, None, None].expand_as(tokens)
        for k in range(taps):
            total = torch.addcmul(total, padded[:, :, k : k + length], weight[:, None, None, :, k])
        return F.silu(total)

    def restore_gate(
        self, y: torch.Tensor, z: torch.Tensor | None, order: torch.Tensor, inverse: torch.Tensor
    ) -> torch.Tensor:
        """See ``scansearch.ops.restore_gate``; without z, ``restore_order``."""
        restored = gather_rows(y, inverse, order)
        return restored if z is None else restored * F.silu(z)

    def mixture(self, branches: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """See ``scansearch.ops.mixture``."""
        normed = F.layer_norm(branches, branches.shape[-1:], eps=EPS)
        return (weights.to(normed) @ normed.flatten(1)).view(normed.shape[1:])

    def weigh(self, x: torch.Tensor, channel: torch.Tensor, token: torch.Tensor | None) -> torch.Tensor:
        """See ``scansearch.ops.weigh``."""
        weighed = x * channel[:, :, None]
        return weighed if token is None else weighed * token[..., None]

    def norm_reduce(self, x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """See ``scansearch.ops.norm_reduce``."""
        normed = F.layer_norm(x, x.shape[-1:], eps=EPS)
        wide = torch.promote_types(x.dtype, weight.dtype)
        return x, normed.mean(2), normed.to(wide) @ weight.to(wide).T


def _precision(u: torch.Tensor, A: torch.Tensor) -> torch.dtype:
    # Half precision cannot hold a product of hundreds of decays.
    return torch.promote_types(torch.promote_types(u.dtype, A.dtype), torch.float32)


TORCH = Torch()
