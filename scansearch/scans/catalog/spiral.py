"""The spiral order: from the top left corner clockwise inwards, one ring after the other; ``spiral_flip`` goes outwards.

Ring k holds the tokens whose distance to the nearest edge of the grid is k. Each is walked from its top left corner along the
top to the right, down, along the bottom to the left, and up again, each token once. Every step goes to a neighbour, on
every grid. Seen in REOrder (arXiv 2505.23751).
"""

from __future__ import annotations

import numpy as np

from scansearch.lazy import torch
from scansearch.scans.family import ScanFamily


def visit(height: int, width: int) -> torch.Tensor:
    """Clockwise inwards from the top left corner, int64 (H*W,)."""
    row, col = np.arange(height)[:, None], np.arange(width)
    ring = np.minimum(np.minimum(row, height - 1 - row), np.minimum(col, width - 1 - col))
    before = height * width - (height - 2 * ring) * (width - 2 * ring)
    # In a ring the corners top left and bottom right part the way there (row + col grows) from the way back.
    out = row + col - 2 * ring
    around = 2 * (height + width - 2 - 4 * ring)
    there = (row == ring) | (col == width - 1 - ring)
    place = before + np.where(there, out, around - out)
    visited = np.empty(height * width, dtype=np.int64)
    visited[place.reshape(-1)] = np.arange(height * width)
    return torch.from_numpy(visited)


SPIRAL = ScanFamily(
    name="spiral",
    pattern=r"spiral",
    visit=visit,
    description="clockwise inwards from the top left corner",
    examples=("spiral", "spiral_flip", "spiral_t"),
)
