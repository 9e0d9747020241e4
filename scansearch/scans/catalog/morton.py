"""The Morton order (Z-order): tokens sorted by the interleaved bits of row and column.

On a 2^p x 2^p grid the quadrants come as top left, top right, bottom left, bottom right, and each is again visited so. On any
other grid it is the order of the next such square without the tokens that are not there. Steps are not between neighbours.
G. M. Morton, A Computer Oriented Geodetic Data Base, IBM, 1966. Seen in EAMamba (arXiv 2506.22246).
"""

from __future__ import annotations

import numpy as np

from scansearch.lazy import torch
from scansearch.scans.family import ScanFamily


def visit(height: int, width: int) -> torch.Tensor:
    """By interleaved bits, the row's above the column's at each level, int64 (H*W,)."""
    key = 2 * _spread(height)[:, None] + _spread(width)
    return torch.from_numpy(np.argsort(key, axis=None))


def _spread(side: int) -> np.ndarray:
    """The numbers 0 ... side - 1, their bit b moved to bit 2 b: room for the other coordinate between them."""
    numbers = np.arange(side, dtype=np.int64)
    bits = range((side - 1).bit_length())
    return sum(((numbers >> bit & 1) << 2 * bit for bit in bits), np.zeros_like(numbers))


MORTON = ScanFamily(
    name="morton",
    pattern=r"morton",
    visit=visit,
    description="Z-order: by interleaved bits of row and column",
    examples=("morton", "morton_t"),
)
