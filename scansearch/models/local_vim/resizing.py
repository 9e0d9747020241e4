"""Values of the tokens of one grid, resized to another."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from scansearch.shape import Size


def resized(values: torch.Tensor, grid: Size, other: Size) -> torch.Tensor:
    """Values (1, L, E) of the tokens of a grid, resized to another (bicubic, as LocalMamba's code does).

    One value more than the grid has tokens is a class token's, in the middle of them, and stays there as it is.
    """
    tokens, (rows, columns) = grid[0] * grid[1], other
    place, middle = tokens // 2, rows * columns // 2
    token = values[:, place : place + values.shape[1] - tokens]
    patches = torch.cat([values[:, :place], values[:, place + token.shape[1] :]], dim=1)
    if grid != other:
        plane = patches.transpose(1, 2).unflatten(2, grid)  # (1, E, H, W)
        patches = F.interpolate(plane, size=other, mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)
    return torch.cat([patches[:, :middle], token, patches[:, middle:]], dim=1)
