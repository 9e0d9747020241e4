"""The yardstick: every operation as its formula says, step by step under autograd, in any precision."""

from __future__ import annotations

import torch
from torch.nn import functional as F
from typing_extensions import override

from scansearch.ops.backends.base import EPS, Backend
from scansearch.ops.shapes import ScanInputs


class Reference(Backend):
    """Plain loops."""

    name, priority = "reference", 0

    @override
    def describe(self) -> str:
        return "plain loops, any device and precision; for tests"

    def scan(self, inputs: ScanInputs, delta_softplus: bool) -> torch.Tensor:
        """See ``selective_scan_grouped``."""
        u, delta, A, B, C, D, z, delta_bias = inputs
        if delta_bias is not None:
            delta = delta + delta_bias[:, None, None]
        if delta_softplus:
            delta = F.softplus(delta)
        decay = torch.exp(delta[..., None] * A[:, None, None])  # (G, B, L, D, N)
        inflow = (delta * u)[..., None] * B[..., None, :]
        h = torch.zeros_like(inflow[:, :, 0]) if u.shape[2] else inflow.sum(2)
        steps = []
        for t in range(u.shape[2]):
            h = decay[:, :, t] * h + inflow[:, :, t]
            steps.append((h * C[:, :, t, None]).sum(-1))
        y = torch.stack(steps, 2) if steps else torch.zeros_like(u)
        if D is not None:
            y = y + D[:, None, None] * u
        if z is not None:
            y = y * F.silu(z)
        return y.to(u.dtype)

    def reorder_conv_silu(
        self, x: torch.Tensor, order: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        """See ``scansearch.ops.reorder_conv_silu``."""
        tokens = x[:, order.clamp(min=0)].transpose(0, 1) * (order >= 0)[:, None, :, None]  # (G, B, L', D)
        padded = F.pad(tokens, (0, 0, weight.shape[2] - 1, 0))
        total = bias[:, None, None].expand_as(tokens)
        for k in range(weight.shape[2]):
            total = total + weight[:, None, None, :, k] * padded[:, :, k : k + order.shape[1]]
        return F.silu(total)

    def restore_gate(
        self, y: torch.Tensor, z: torch.Tensor | None, order: torch.Tensor, inverse: torch.Tensor
    ) -> torch.Tensor:
        """See ``scansearch.ops.restore_gate``; without z, ``restore_order``."""
        restored = y.take_along_dim(inverse[:, None, :, None], 2)
        return restored if z is None else restored * F.silu(z)

    def mixture(self, branches: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """See ``scansearch.ops.mixture``."""
        return (weights[:, None, None, None] * _normalised(branches)).sum(0)

    def weigh(self, x: torch.Tensor, channel: torch.Tensor, token: torch.Tensor | None) -> torch.Tensor:
        """See ``scansearch.ops.weigh``."""
        weighed = x * channel[:, :, None]
        return weighed if token is None else weighed * token[..., None]

    def norm_reduce(self, x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """See ``scansearch.ops.norm_reduce``."""
        normed = _normalised(x)
        return x, normed.mean(2), normed @ weight.T


def _normalised(x: torch.Tensor) -> torch.Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + EPS).sqrt()


REFERENCE = Reference()
