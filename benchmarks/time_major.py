"""The time-major scan as it is usually vectorised: time first in memory, every product written by ``matmul``.

The fallback in ``scansearch/ops/backends/time_major.py`` grew out of this form; both are in the tables.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

CHUNK = 8


def recurrence(u: torch.Tensor, delta: torch.Tensor, A: torch.Tensor, B: torch.Tensor, C: torch.Tensor) -> torch.Tensor:
    """sum_n C_t h_t with h_t = exp(delta_t A) h_(t-1) + delta_t B_t u_t; shapes as in ``benchmarks.peers``."""
    y: torch.Tensor = _Recurrence.apply(u, delta, A, B, C)
    return y


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, u: torch.Tensor, delta: torch.Tensor, A: torch.Tensor, B: torch.Tensor, C: torch.Tensor
    ) -> torch.Tensor:
        groups, batch, length, channels = u.shape
        decay, state = u.new_empty(2, groups, batch, channels, A.shape[2]).zero_().unbind(0)
        y = u.new_empty(length, groups, batch, channels)
        steps, drive = delta.permute(2, 0, 1, 3).contiguous(), (delta * u).permute(2, 0, 1, 3).contiguous()
        b, c = B.permute(2, 0, 1, 3).contiguous(), C.permute(2, 0, 1, 3).contiguous()
        starts = []
        for t in range(length):
            if t % CHUNK == 0:
                starts.append(state.clone())
            torch.mul(steps[t, ..., None], A[:, None], out=decay).exp_()
            state.mul_(decay).addcmul_(drive[t, ..., None], b[t, :, :, None])
            torch.matmul(state, c[t, ..., None], out=y[t, ..., None])
        ctx.save_for_backward(u, delta, A, b, c, steps, drive, *starts)
        return y.permute(1, 2, 0, 3)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, ...]:
        u, delta, A, b, c, steps, drive, *starts = ctx.saved_tensors
        length, shape = u.shape[2], tuple(starts[0].shape)
        gy = grad.permute(2, 0, 1, 3).contiguous()
        db, dc, s, e = torch.empty_like(b), torch.empty_like(c), torch.empty_like(steps), torch.empty_like(steps)
        d_state, d_decay = u.new_zeros(shape), u.new_zeros(shape)
        states, decays = u.new_empty(CHUNK + 1, *shape), u.new_empty(CHUNK, *shape)
        for k in range(len(starts) - 1, -1, -1):
            first, count = k * CHUNK, min(CHUNK, length - k * CHUNK)
            states[0].copy_(starts[k])
            for i in range(count):
                torch.mul(steps[first + i, ..., None], A[:, None], out=decays[i]).exp_()
                torch.mul(states[i], decays[i], out=states[i + 1])
                states[i + 1].addcmul_(drive[first + i, ..., None], b[first + i, :, :, None])
            for i in range(count - 1, -1, -1):
                t = first + i
                torch.matmul(gy[t, :, :, None], states[i + 1], out=dc[t, :, :, None])
                d_state.addcmul_(gy[t, ..., None], c[t, :, :, None])
                torch.matmul(drive[t, :, :, None], d_state, out=db[t, :, :, None])
                torch.matmul(d_state, b[t, ..., None], out=s[t, ..., None])
                d_state.mul_(decays[i])
                d_exponent = d_state * states[i]  # gradient of delta_t * A
                d_decay.addcmul_(d_exponent, steps[t, ..., None])
                torch.sum(d_exponent.mul_(A[:, None]), -1, out=e[t])
        back = (s.permute(1, 2, 0, 3), e.permute(1, 2, 0, 3))
        return (
            back[0] * delta,
            back[0] * u + back[1],
            d_decay.sum(1),
            db.permute(1, 2, 0, 3),
            dc.permute(1, 2, 0, 3),
        )
