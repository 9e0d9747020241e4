"""The 2-D rotary position embedding of LocalVim."""

from __future__ import annotations

import torch
from torch import nn

TRAINED_GRID = 14
BASE = 10000.0


class RotaryEmbedding(nn.Module):
    """Rotates neighbouring channels of every token: the first half of the channels by its row, the second by its column.

    Angles are t * 10000^(-2k / (E/2)) for k = 0 .. E/4 - 1, positions t = i / side * 14.

    Args:
        channels: Channels E, a multiple of 4.
        grid: Rows and columns of the tokens.
    """

    freqs_cos: torch.Tensor
    freqs_sin: torch.Tensor

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__()
        height, width = grid
        with torch.device("cpu"):  # on the meta device, arange imports the compiler: a second for a count of parameters
            rows, columns = (self._angles(side, channels // 2) for side in grid)
            angles = torch.cat(
                [rows[:, None].expand(height, width, -1), columns[None].expand(height, width, -1)], dim=-1
            ).reshape(height * width, channels)
        device, dtype = torch.get_default_device(), torch.get_default_dtype()
        self.register_buffer("freqs_cos", angles.cos().to(device, dtype))
        self.register_buffer("freqs_sin", angles.sin().to(device, dtype))

    @staticmethod
    def _angles(side: int, channels: int) -> torch.Tensor:
        # Angles up to 14 need more digits than a default dtype of half precision has.
        wide = torch.promote_types(torch.get_default_dtype(), torch.float32)
        positions = torch.arange(side, dtype=wide) / side * TRAINED_GRID
        frequencies = BASE ** (-torch.arange(0, channels, 2, dtype=wide) / channels)
        return (positions[:, None] * frequencies).repeat_interleave(2, dim=1)  # (side, E/2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Rotates x (B, L, E): (a, b) becomes (a cos - b sin, b cos + a sin)."""
        pairs = x.unflatten(-1, (-1, 2))
        turned = torch.stack((-pairs[..., 1], pairs[..., 0]), dim=-1).flatten(-2)
        return x * self.freqs_cos + turned * self.freqs_sin
