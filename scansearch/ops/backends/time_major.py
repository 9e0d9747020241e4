"""The scan of the backend ``torch``, time-major: a step updates the states of all groups, samples and channels at once, in place.

Its backward pass is written by hand: it keeps one state in CHUNK steps, recomputes the others, and so needs little memory where
autograd would keep several tensors of a state's size for every step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

CHUNK = 8


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
    """Gradients of u, delta, A, B and C; formulas as in ``scansearch/ops/backends/cpu/scan_backward.py``."""
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
