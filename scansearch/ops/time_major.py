"""The backend ``torch``: every operation in vectorised PyTorch, on any device and in any precision.

The scan runs time-major: a step updates the states of all groups, samples and channels at once, in place. Its backward
pass is written by hand: it keeps one state in CHUNK steps, recomputes the others, and so needs little memory where
autograd would keep several tensors of a state's size for every step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from scansearch.ops.gather import gather_rows
from scansearch.ops.operator import needs_gradient
from scansearch.ops.operators import STEPS
from scansearch.ops.shapes import ScanInputs

CHUNK = 8


def check(device_type: str) -> str:
    """This backend works everywhere."""
    return "vectorised PyTorch, any device and precision"


def scan(inputs: ScanInputs, delta_softplus: bool) -> torch.Tensor:
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


def reorder_conv_silu(x: torch.Tensor, order: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """See ``scansearch.ops.reorder_conv_silu``."""
    groups, length, taps = order.shape[0], order.shape[1], weight.shape[2]
    tokens = gather_rows(x.expand(groups, *x.shape), order, _inverse(order, x.shape[1]))
    padded = F.pad(tokens, (0, 0, taps - 1, 0))
    total = bias[:, None, None].expand_as(tokens)
    for k in range(taps):
        total = torch.addcmul(total, padded[:, :, k : k + length], weight[:, None, None, :, k])
    return F.silu(total)


def restore_gate(y: torch.Tensor, z: torch.Tensor | None, order: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    """See ``scansearch.ops.restore_gate``; without z, ``restore_order``."""
    restored = gather_rows(y, inverse, order)
    return restored if z is None else restored * F.silu(z)


def mixture(branches: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """See ``scansearch.ops.mixture``."""
    normed = F.layer_norm(branches, branches.shape[-1:])
    return (weights.to(normed) @ normed.flatten(1)).view(normed.shape[1:])


def weigh(x: torch.Tensor, channel: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
    """See ``scansearch.ops.weigh``."""
    return x * channel[:, :, None] * token[..., None]


def norm_reduce(x: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """See ``scansearch.ops.norm_reduce``."""
    normed = F.layer_norm(x, x.shape[-1:])
    wide = torch.promote_types(x.dtype, weight.dtype)
    return x, normed.mean(2), normed.to(wide) @ weight.to(wide).T


def _precision(u: torch.Tensor, A: torch.Tensor) -> torch.dtype:
    # Half precision cannot hold a product of hundreds of decays.
    return torch.promote_types(torch.promote_types(u.dtype, A.dtype), torch.float32)


def _inverse(order: torch.Tensor, tokens: int) -> torch.Tensor:
    positions = torch.arange(order.shape[1], device=order.device).expand_as(order)
    slots = torch.where(order < 0, tokens, order)  # zero tokens go to a slot that is cut off
    return order.new_full((order.shape[0], tokens + 1), -1).scatter_(1, slots, positions)[:, :tokens]


def kept_shape(shape: Sequence[int], states: int) -> tuple[int, int, int, int, int]:
    """Shape of the states that the backward pass starts from, for u's ``shape``."""
    groups, batch, length, channels = shape
    return -(-length // CHUNK), groups, batch, channels, states


def forward(
    u: torch.Tensor, delta: torch.Tensor, A: torch.Tensor, B: torch.Tensor, C: torch.Tensor, keep: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """y_t = sum_n C_t h_t with h_t = exp(delta_t A) h_(t-1) + delta_t u_t B_t, and the state before every chunk."""
    y, h = u.new_empty(u.shape), u.new_zeros(*u.shape[:2], *A.shape[1:])  # (G, B, D, N)
    kept = u.new_empty(kept_shape(u.shape, A.shape[2]) if keep else 0)
    with torch.autocast(u.device.type, enabled=False):
        for t in range(u.shape[2]):
            if keep and t % CHUNK == 0:
                kept[t // CHUNK] = h
            h.mul_(_decay(delta, A, t)).addcmul_(*_inflow(u, delta, B, t))
            y[:, :, t] = (h @ C[:, :, t, :, None])[..., 0]
    return y, kept


def backward(
    dy: torch.Tensor,
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    keep: bool,
    kept: torch.Tensor,
) -> tuple[torch.Tensor, ...]:
    """Gradients of u, delta, A, B and C; formulas as in ``scansearch/ops/cpu/scan_backward.py``."""
    if not keep:
        raise RuntimeError("the backward pass of scansearch::torch_scan needs a forward pass with keep=True")
    du, ddelta, dB, dC = (t.new_empty(t.shape) for t in (u, delta, B, C))
    dA = u.new_zeros(*u.shape[:2], *A.shape[1:])
    dh = torch.zeros_like(dA)
    with torch.autocast(u.device.type, enabled=False):
        for chunk in reversed(range(len(kept))):
            first, last = chunk * CHUNK, min((chunk + 1) * CHUNK, u.shape[2])
            states, decays = _recompute(u, delta, A, B, kept[chunk], first, last)
            for t in reversed(range(first, last)):
                before, after, decay = states[t - first], states[t - first + 1], decays[t - first]
                dC[:, :, t] = (dy[:, :, t, None] @ after)[..., 0, :]
                dh.addcmul_(dy[:, :, t, :, None], C[:, :, t, None])
                through = (dh @ B[:, :, t, :, None])[..., 0]
                dB[:, :, t] = ((delta[:, :, t] * u[:, :, t])[..., None, :] @ dh)[..., 0, :]
                dh.mul_(decay)
                exponent = dh * before
                dA.addcmul_(exponent, delta[:, :, t, :, None])
                du[:, :, t] = through * delta[:, :, t]
                ddelta[:, :, t] = exponent.mul_(A[:, None]).sum(-1).addcmul_(through, u[:, :, t])
    return du, ddelta, dA.sum(1), dB, dC


def _decay(delta: torch.Tensor, A: torch.Tensor, t: int) -> torch.Tensor:
    return (delta[:, :, t, :, None] * A[:, None]).exp_()


def _inflow(u: torch.Tensor, delta: torch.Tensor, B: torch.Tensor, t: int) -> tuple[torch.Tensor, torch.Tensor]:
    return (delta[:, :, t] * u[:, :, t])[..., None], B[:, :, t, None]


def _recompute(
    u: torch.Tensor, delta: torch.Tensor, A: torch.Tensor, B: torch.Tensor, h: torch.Tensor, first: int, last: int
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """The states around steps first..last-1 (one more than steps) and the decays of these steps."""
    states, decays = [h], []
    for t in range(first, last):
        decays.append(_decay(delta, A, t))
        states.append((states[-1] * decays[-1]).addcmul_(*_inflow(u, delta, B, t)))
    return states, decays
