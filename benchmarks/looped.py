"""The mixer as it is usually written: a Python loop over the directions, each with plain PyTorch operations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.peers import Scan
from scansearch.models.attention import SCAttn
from scansearch.models.mixer import ScanMixer
from scansearch.models.selection import Selection
from scansearch.scans import ScanOrder


class LoopedMixer(nn.Module):
    """Computes what a ``ScanMixer`` computes, from the same parameters, one direction at a time.

    Args:
        mixer: Whose parameters to use.
        directions: Its directions.
        grid: Rows and columns of its tokens.
        scan: The selective scan, with the signature of ``benchmarks.peers``.
    """

    def __init__(self, mixer: ScanMixer, directions: Sequence[str], grid: tuple[int, int], scan: Scan) -> None:
        super().__init__()
        self.mixer, self.alpha, self.scan = mixer, mixer.alpha, scan
        self.orders = [ScanOrder(name).indices(*grid) for name in directions]
        self.inverses = [ScanOrder(name).inverse(*grid) for name in directions]

    def forward(self, hidden: torch.Tensor, selection: Selection) -> torch.Tensor:
        """Mixes hidden (B, L, E) along the selected directions; returns (B, L, E)."""
        m = self.mixer
        xz = m.in_proj(hidden)  # (B, L, 2D)
        # unbind: one gradient of the stacked parameter, where indexing would build one for each direction.
        stacked = (m.conv_weight, m.conv_bias, m.x_proj_weight, m.dt_proj_weight, m.dt_proj_bias, m.A_log, m.D)
        parts = list(zip(*(p.unbind(0) for p in stacked), strict=True))
        branches = [self._branch(xz, self.orders[i], self.inverses[i], *parts[i]) for i in selection.indices]
        if selection.weights is None:
            return m.out_proj(torch.stack(branches).sum(0))
        normed = torch.stack([F.layer_norm(branch, branch.shape[-1:]) for branch in branches])
        return m.out_proj((normed * selection.weights.view(-1, 1, 1, 1)).sum(0))

    def _branch(
        self,
        xz: torch.Tensor,
        order: torch.Tensor,
        inverse: torch.Tensor,
        conv_weight: torch.Tensor,
        conv_bias: torch.Tensor,
        x_proj_weight: torch.Tensor,
        dt_proj_weight: torch.Tensor,
        dt_proj_bias: torch.Tensor,
        A_log: torch.Tensor,
        D: torch.Tensor,
    ) -> torch.Tensor:
        length, (channels, taps) = xz.shape[1], conv_weight.shape
        # index_select: its backward pass takes half the time of that of xz[:, order].
        x, z = xz.index_select(1, order).chunk(2, dim=-1)
        convolved = F.conv1d(x.transpose(1, 2), conv_weight.unsqueeze(1), conv_bias, padding=taps - 1, groups=channels)
        u = F.silu(convolved[..., :length]).transpose(1, 2)  # (B, L, D)
        states = A_log.shape[1]
        dt, B, C = F.linear(u, x_proj_weight).split([dt_proj_weight.shape[1], states, states], dim=-1)
        panels = (t.unsqueeze(0) for t in (u, F.linear(dt, dt_proj_weight), -torch.exp(A_log), B, C, D, dt_proj_bias))
        y = self.scan(*panels).squeeze(0) * F.silu(z)
        y = y.index_select(1, inverse)
        return y if self.mixer.attn is None else _attention(self.mixer.attn, y)


def _attention(attn: SCAttn, x: torch.Tensor) -> torch.Tensor:
    """SCAttn of x (B, L, D) in plain operations, whatever the model's own has been made into."""
    normed = attn.norm(x)
    summary = F.gelu(attn.global_reduce(normed.mean(1, keepdim=True)))
    weighted = x * torch.sigmoid(attn.channel_select(summary))
    if not attn.spatial:
        return weighted
    local = F.gelu(attn.local_reduce(normed))
    joined = torch.cat([local, summary.expand_as(local)], dim=-1)
    return weighted * torch.sigmoid(attn.spatial_select(joined))
