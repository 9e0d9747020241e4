"""Snake orders (boustrophedon): rows there and back, so that every step goes to a neighbour.

``snake`` starts in the top left corner, walks the even rows (counted from 0) to the right and the odd ones to the left. Its
symmetries are the eight snakes of a grid: by rows or by columns (``_t``), from each of the four corners. Walked backwards, a
snake is another of the eight, but which one depends on whether the number of rows is even, so that none of the sixteen names
can be replaced on every grid; those that coincide on a given one are found there.

PlainMamba (arXiv 2403.17695) calls it continuous 2D scanning; ZigMa (arXiv 2403.13802) uses all eight.
"""

from __future__ import annotations

from scansearch.lazy import torch
from scansearch.scans.family import ScanFamily


def visit(height: int, width: int) -> torch.Tensor:
    """Boustrophedon by rows from the top left corner, int64 (H*W,)."""
    tokens = torch.arange(height * width).view(height, width)
    tokens[1::2] = tokens[1::2].flip(1)
    return tokens.reshape(-1)


SNAKE = ScanFamily(
    name="snake",
    pattern=r"snake",
    visit=visit,
    description="rows there and back",
    examples=("snake", "snake_t", "snake_lr", "snake_ud"),
)
