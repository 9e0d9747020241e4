"""Raster orders: rows left to right (h) and columns top to bottom (v). Seen in Vim, VMamba and LocalMamba."""

from __future__ import annotations

from scansearch.lazy import torch
from scansearch.scans.family import ScanFamily
from scansearch.scans.symmetry import Symmetry


def visit(height: int, width: int, name: str) -> torch.Tensor:
    """Row-major (``h``) or column-major (``v``) visiting order of the grid."""
    tokens = torch.arange(height * width).view(height, width)
    return (tokens if name == "h" else tokens.T).reshape(-1)


def simplify(base: str, symmetry: Symmetry) -> tuple[str, Symmetry, bool]:
    """The same order without ``_t`` and ``_ud``: ``h_t`` is ``v``, ``h_lr_ud`` is ``h_flip``, ``h_ud`` is ``h_lr_flip``."""
    if symmetry.transpose:
        base = "v" if base == "h" else "h"
    return base, Symmetry(lr=symmetry.lr ^ symmetry.ud), symmetry.ud


RASTER = ScanFamily(
    name="raster",
    pattern=r"(h|v)",
    visit=visit,
    simplify=simplify,
    description="rows left to right (h); columns top to bottom (v)",
    examples=("h", "h_flip", "v", "v_flip"),
)
