"""The Peano order: a serpentine of 3 x 3 blocks, each walked by a serpentine again.

On a 3^p x 3^p grid the nine blocks are visited as ``snake`` visits 3 x 3 tokens. Inside a block the curve is the same one
level down, mirrored top to bottom in the middle column of blocks and left to right in the middle row, so that it leaves a
block next to where it enters the following one. It runs from the top left to the bottom right corner.

Any other grid is visited by the curve of the next such square, less the tokens that are not there. Every step goes to a
neighbour on each 3^p x 3^q grid, and on 1 x N and N x 1. Elsewhere that is luck: the order jumps on 1181 of the 1600 grids
with sides up to 40, and of those that are square it does not jump on the sides 1, 2, 3, 7, 9, 19, 21, 25 and 27 only.

G. Peano, Sur une courbe, qui remplit toute une aire plane, Mathematische Annalen 36, 1890: a curve in ternary digits, here with
rows and columns exchanged. Seen in REOrder (arXiv 2505.23751).
"""

from __future__ import annotations

import numpy as np

from scansearch.lazy import torch
from scansearch.scans.family import ScanFamily


def visit(height: int, width: int) -> torch.Tensor:
    """Peano's curve of the next 3^p square, filtered to the grid, int64 (H*W,)."""
    row, col = np.arange(height, dtype=np.int64)[:, None], np.arange(width, dtype=np.int64)
    key = np.zeros((height, width), dtype=np.int64)
    for level in reversed(range(_levels(max(height, width)))):
        # Peano mirrors a digit if the digits of the other coordinate before it have an odd sum; that sum is odd exactly
        # if the number they write is, because 3 is odd.
        key = 3 * key + _mirrored(row // 3**level % 3, col // 3 ** (level + 1))
        key = 3 * key + _mirrored(col // 3**level % 3, row // 3**level)
    return torch.from_numpy(np.argsort(key, axis=None))


def _levels(side: int) -> int:
    levels = 0
    while 3**levels < side:
        levels += 1
    return levels


def _mirrored(digit: np.ndarray, before: np.ndarray) -> np.ndarray:
    return np.where(before % 2, 2 - digit, digit)


PEANO = ScanFamily(
    name="peano",
    pattern=r"peano",
    visit=visit,
    description="Peano's curve of the next 3^p square, filtered",
    examples=("peano", "peano_t"),
)
