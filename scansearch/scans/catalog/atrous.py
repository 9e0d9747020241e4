"""Atrous orders (EfficientVMamba, arXiv 2403.09977): sub-grids of stride S, one after the other.

``atrousS`` visits the S * S sub-grids that hold every S-th token of every S-th row. Sub-grid (a, b) starts at row a, column b;
they come in raster order of (a, b), 0 <= a, b < S, and inside a sub-grid the tokens come in raster order. A sub-grid that
starts outside of the grid is empty: S may be larger than the sides. With S = 1 it would be ``h``.
"""

from __future__ import annotations

import numpy as np

from scansearch.lazy import torch
from scansearch.scans.family import ScanFamily


def visit(height: int, width: int, stride: str) -> torch.Tensor:
    """Sub-grids of a stride in raster order, raster inside, int64 (H*W,)."""
    step = int(stride)
    subgrid = np.arange(height)[:, None] % step * step + np.arange(width) % step
    # A stable sort keeps the raster order inside a sub-grid.
    return torch.from_numpy(np.argsort(subgrid, axis=None, kind="stable"))


ATROUS = ScanFamily(
    name="atrous",
    pattern=r"atrous([2-9]|[1-9][0-9]{1,8})",
    visit=visit,
    description="S x S sub-grids of stride S >= 2 (atrousS); atrous1 is h",
    examples=("atrous2", "atrous3"),
)
