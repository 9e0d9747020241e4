"""Raster orders: rows left to right (h) and columns top to bottom (v). Seen in Vim, VMamba and LocalMamba."""

from __future__ import annotations

import torch

from scansearch.scans.family import ScanFamily


def visit(height: int, width: int, name: str) -> torch.Tensor:
    """Row-major (``h``) or column-major (``v``) visiting order of the grid."""
    tokens = torch.arange(height * width).view(height, width)
    return (tokens if name == "h" else tokens.T).reshape(-1)


RASTER = ScanFamily(
    name="raster",
    pattern=r"(h|v)",
    visit=visit,
    description="rows left to right (h); columns top to bottom (v)",
    examples=("h", "h_flip", "v", "v_flip"),
)
