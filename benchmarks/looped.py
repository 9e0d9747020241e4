"""Mixers as they are usually written: a Python loop over the directions, each with plain PyTorch operations."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.peers import Scan
from scansearch.models.attention import SCAttn
from scansearch.models.mixer import BranchMixer, ScanMixer
from scansearch.models.selection import Selection
from scansearch.ops import BranchParameters
from scansearch.scans import ScanOrder, invert
from scansearch.shape import Size

Network = TypeVar("Network", bound=nn.Module)


class LoopedBranches(nn.Module):
    """Computes what the branches of a mixer compute, from the same parameters, one direction at a time.

    Args:
        mixer: Whose parameters to use.
        directions: Its directions.
        grid: Rows and columns of its tokens.
        scan: The selective scan, with the signature of ``benchmarks.peers``.
    """

    def __init__(self, mixer: Any, directions: Sequence[str], grid: Size, scan: Scan) -> None:
        super().__init__()
        self.mixer, self.scan = mixer, scan
        if hasattr(mixer, "alpha"):
            self.alpha = mixer.alpha
        padded = mixer.config.windows == "padded"
        self.orders = [ScanOrder(name).indices(*grid, padded=padded) for name in directions]
        self.inverses = [invert(order, grid[0] * grid[1]) for order in self.orders]

    def mixed(self, xz: torch.Tensor, selection: Selection | None) -> torch.Tensor:
        """The branches of x (B, L, D), or of x and its gate (B, L, 2D), added up, or their weighted mixture."""
        chosen = Selection(tuple(range(len(self.orders)))) if selection is None else selection
        # unbind: one gradient of the stacked parameter, where indexing would build one for each direction.
        rows = list(zip(*(p.unbind(0) for p in self.mixer.stacked.values()), strict=True))
        branches = [self._branch(xz, self.orders[i], self.inverses[i], *rows[i]) for i in chosen.indices]
        if chosen.weights is None:
            return torch.stack(branches).sum(0)
        normed = torch.stack([F.layer_norm(branch, branch.shape[-1:]) for branch in branches])
        return (normed * chosen.weights.view(-1, 1, 1, 1)).sum(0)

    def _branch(self, xz: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor, *own: torch.Tensor) -> torch.Tensor:
        p = BranchParameters(*own)
        if bool((order < 0).any()):  # zero tokens
            xz, order = F.pad(xz, (0, 0, 0, 1)), torch.where(order < 0, xz.shape[1], order)
        # index_select: its backward pass takes half the time of that of xz[:, order].
        u, *gate = xz.index_select(1, order).split(self.mixer.inner, dim=-1)
        if p.conv_weight is not None:
            channels, taps = p.conv_weight.shape
            weight = p.conv_weight.unsqueeze(1)
            convolved = F.conv1d(u.transpose(1, 2), weight, p.conv_bias, padding=taps - 1, groups=channels)
            u = F.silu(convolved[..., : u.shape[1]]).transpose(1, 2)  # (B, L, D)
        states = p.A_log.shape[1]
        dt, B, C = F.linear(u, p.x_proj_weight).split([p.dt_proj_weight.shape[1], states, states], dim=-1)
        panels = (u, F.linear(dt, p.dt_proj_weight), -torch.exp(p.A_log), B, C, p.D, p.dt_proj_bias)
        y = self.scan(*(t.unsqueeze(0) for t in panels)).squeeze(0)
        y = (y * F.silu(gate[0]) if gate else y).index_select(1, inverse)
        return y if self.mixer.attn is None else _attention(self.mixer.attn, y)


class LoopedMixer(LoopedBranches):
    """A ``ScanMixer``; the arguments are those of ``LoopedBranches``."""

    def forward(self, hidden: torch.Tensor, selection: Selection | None = None) -> torch.Tensor:
        """Mixes hidden (B, L, E) along the selected directions; returns (B, L, E)."""
        mixed: torch.Tensor = self.mixer.out_proj(self.mixed(self.mixer.in_proj(hidden), selection))
        return mixed


class LoopedGridMixer(LoopedBranches):
    """A ``GridMixer``, likewise."""

    def forward(self, hidden: torch.Tensor, selection: Selection | None = None) -> torch.Tensor:
        """Mixes hidden (B, H, W, E) along the selected directions; returns (B, H, W, E)."""
        m = self.mixer
        x, *gate = m.in_proj(hidden).split(m.inner, dim=-1)
        x = F.silu(m.conv2d(x.permute(0, 3, 1, 2))).flatten(2).transpose(1, 2)
        y = m.out_norm(self.mixed(x, selection)).view(*hidden.shape[:-1], m.inner)
        mixed: torch.Tensor = m.out_proj(y * F.silu(gate[0]) if gate else y)
        return mixed


def looped(network: Network, scan: Scan, grids: Sequence[Size]) -> Network:
    """A copy of a network or supernet whose mixers loop over their directions.

    Args:
        network: With ``candidates``, those of each mixer.
        scan: The selective scan.
        grids: Rows and columns of each mixer's tokens.
    """
    copy: Any = deepcopy(network)
    mixers = [(name, module) for name, module in copy.named_modules() if isinstance(module, BranchMixer)]
    for (name, mixer), directions, grid in zip(mixers, copy.candidates, grids, strict=True):
        kind = LoopedMixer if isinstance(mixer, ScanMixer) else LoopedGridMixer
        copy.set_submodule(name, kind(mixer, directions, grid, scan))
    changed: Network = copy
    return changed


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
