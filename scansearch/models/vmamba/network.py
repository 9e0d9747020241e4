"""Today's VMamba, as a network or as a supernet: other ways between the stages, an MLP in each layer, and no gate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from scansearch.models.drop_path import drop_path
from scansearch.models.local_vmamba.mixer import GridMixer
from scansearch.models.local_vmamba.network import Block, ChannelsLast, LocalVMamba, LocalVMambaSupernet
from scansearch.models.selection import Selection
from scansearch.models.vmamba.options import VMambaOptions
from scansearch.shape import Size


class ChannelsFirst(nn.Module):
    """(B, H, W, C) to (B, C, H, W)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Moves the channels to the front."""
        return x.permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """Two linear maps with GELU between them."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (..., E) to the same shape."""
        return self.fc2(F.gelu(self.fc1(x)))


class MlpBlock(Block):
    """Adds what the mixer makes of the tokens' norm, and then what the MLP makes of it."""

    def __init__(self, op: GridMixer, width: int, drop_path: float, mlp_ratio: int) -> None:
        super().__init__(op, width, drop_path)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, mlp_ratio * width)

    def forward(self, x: torch.Tensor, selection: Selection | None) -> torch.Tensor:
        """Tokens (B, H, W, E) to the same shape."""
        x = super().forward(x, selection)
        return x + drop_path(self.mlp(self.norm2(x)), self.drop_path, self.training)


class VMamba(LocalVMamba):
    """Images (B, C, H, W) to logits (B, classes); the arguments are those of ``LocalVMamba``."""

    options: VMambaOptions

    def stem(self) -> nn.Sequential:
        """From images to tokens by two convolutions."""
        width, (first, second) = self.options.embed_dim, self.options.strides(self.shape.size)
        half = width // 2
        return nn.Sequential(
            nn.Conv2d(self.shape.channels, half, 3, first, padding=1), ChannelsLast(), nn.LayerNorm(half),
            ChannelsFirst(), nn.GELU(),
            nn.Conv2d(half, width, 3, second, padding=1), ChannelsLast(), nn.LayerNorm(width),
        )  # fmt: skip

    def block(self, width: int, directions: Sequence[str], rate: float, grid: Size) -> nn.Module:
        """A layer."""
        op = GridMixer(self.options, width, directions, grid, gated=False, bias=False, searchable=self.searchable)
        return MlpBlock(op, width, rate, self.options.mlp_ratio)

    def downsample(self, width: int) -> nn.Module:
        """From one stage to the next by a convolution."""
        convolution = nn.Conv2d(width, 2 * width, 3, 2, padding=1)
        return nn.Sequential(ChannelsFirst(), convolution, ChannelsLast(), nn.LayerNorm(2 * width))


class VMambaSupernet(VMamba, LocalVMambaSupernet):
    """A VMamba that holds every candidate of each layer; ``forward`` takes one selection a layer."""

    def plain(self, directions: Sequence[Sequence[str]]) -> VMamba:
        """A VMamba with these directions."""
        return VMamba(self.options, directions, self.shape).to(self._like)
