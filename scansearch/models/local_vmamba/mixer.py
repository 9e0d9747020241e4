"""The mixer of LocalVMamba, VMamba's SS2D with directions of one's choice."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from scansearch.models.mixer import BranchMixer
from scansearch.models.mixer_options import BranchOptions
from scansearch.models.selection import Selection
from scansearch.shape import Size


class GridMixer(BranchMixer):
    """Convolves the grid, scans it along several directions, adds the results up, normalises and gates them.

    Args:
        config: Options of the model.
        width: Channels E that go in and come out.
        directions: The G directions.
        grid: Rows and columns of the tokens.
        gated: Whether there is a gate.
        bias: Whether the convolution has a bias.
        searchable: Whether the layer is part of a supernet and holds alpha.
    """

    def __init__(
        self,
        config: BranchOptions,
        width: int,
        directions: Sequence[str],
        grid: Size,
        *,
        gated: bool = True,
        bias: bool = True,
        searchable: bool = False,
    ) -> None:
        super().__init__(config, width, directions, grid, gated=gated, searchable=searchable)
        self.conv2d = nn.Conv2d(self.inner, self.inner, 3, padding=1, groups=self.inner, bias=bias)
        self.out_norm = nn.LayerNorm(self.inner)

    def forward(self, hidden: torch.Tensor, selection: Selection | None = None) -> torch.Tensor:
        """Mixes hidden (B, H, W, E) along all directions, or those of ``selection``; returns (B, H, W, E)."""
        x, *gate = self.in_proj(hidden).split(self.inner, dim=-1)
        mixed = self._scanned(x, selection)
        scale, shift = self.out_norm.weight.to(mixed), self.out_norm.bias.to(mixed)
        y = F.layer_norm(mixed, (self.inner,), scale, shift, self.out_norm.eps).to(x.dtype)
        y = y.view(*hidden.shape[:-1], self.inner)
        return self.out_proj(y * F.silu(gate[0]) if gate else y)

    def summed(self, hidden: torch.Tensor, selection: Selection | None = None) -> torch.Tensor:
        """The branches of hidden (B, H, W, E), added up and not yet normalised: (B, L, D)."""
        return self._scanned(self.in_proj(hidden)[..., : self.inner], selection)

    def _scanned(self, x: torch.Tensor, selection: Selection | None) -> torch.Tensor:
        convolved = F.silu(self.conv2d(x.permute(0, 3, 1, 2)))
        return self.mixed(convolved.flatten(2).transpose(1, 2).contiguous(), None, selection)
