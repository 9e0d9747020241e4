"""Backend ``mamba_ssm``: the CUDA kernel of the package mamba-ssm, if it is installed."""

from __future__ import annotations

import torch


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
    """Selective scan; shapes as ``selective_scan_grouped``. Computes in the dtype of u; A, D and the bias in float32."""
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    groups, batch, length, channels = u.shape

    def channels_second(x: torch.Tensor) -> torch.Tensor:
        return x.permute(1, 0, 3, 2).reshape(batch, -1, length).to(u.dtype)

    def states_second(x: torch.Tensor) -> torch.Tensor:
        return x.permute(1, 0, 3, 2).contiguous().to(u.dtype)

    with torch.autocast("cuda", enabled=False):
        y = selective_scan_fn(
            channels_second(u),
            channels_second(delta),
            A.reshape(groups * channels, -1).float(),
            states_second(B),
            states_second(C),
            None if D is None else D.flatten().float(),
            delta_bias=None if delta_bias is None else delta_bias.flatten().float(),
            delta_softplus=delta_softplus,
        )
    return y.view(batch, groups, channels, length).permute(1, 0, 3, 2)
