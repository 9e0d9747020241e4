"""Backend ``reference``: the recurrence written down as it is, differentiated by autograd. The oracle of the tests."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def scan(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    D: torch.Tensor | None,
    delta_bias: torch.Tensor | None,
    delta_softplus: bool,
) -> torch.Tensor:
    """h_t = exp(delta_t A) h_(t-1) + delta_t B_t u_t;  y_t = C_t h_t + D u_t. Shapes as ``selective_scan_grouped``."""
    if delta_bias is not None:
        delta = delta + delta_bias[:, None, None]
    if delta_softplus:
        delta = F.softplus(delta)
    state = torch.zeros(*u.shape[:2], *A.shape[1:], dtype=u.dtype, device=u.device)  # (G, B, D, N)
    outputs = []
    for t in range(u.shape[2]):
        step = delta[:, :, t, :, None]
        drive = step * B[:, :, t, None, :] * u[:, :, t, :, None]
        state = torch.exp(step * A[:, None]) * state + drive
        outputs.append((state * C[:, :, t, None, :]).sum(-1))
    y = torch.stack(outputs, 2) if outputs else torch.zeros_like(u)
    return y if D is None else y + D[:, None, None] * u
