"""Diagonal orders: the grid is cut along its diagonals, visited one after the other.

With i the row and j the column of a token, both from 0, of H rows and W columns:

- ``diagonal``: by i + j, inside a diagonal by i, both ascending (the oblique scan of RS-Mamba, arXiv 2404.02668);
- ``diagonal_zigzag``: by i + j; where it is odd by i ascending, where it is even by i descending (JPEG, ITU-T T.81, A.3.6);
- ``diagonal_wrap``: by (i + j) mod W, inside by i ascending: a diagonal that leaves the grid on the left comes in again on
  the right, so that all W of them hold H tokens (EAMamba, arXiv 2506.22246);
- ``antidiagonal``, ``antidiagonal_zigzag``, ``antidiagonal_wrap``: the same, mirrored left to right (j becomes W - 1 - j).
"""

from __future__ import annotations

import numpy as np

from scansearch.lazy import torch
from scansearch.scans.family import ScanFamily
from scansearch.scans.symmetry import Symmetry

ANTI = "anti"


def visit(height: int, width: int, anti: str | None, variant: str | None) -> torch.Tensor:
    """Diagonals from the top left corner, or with ``anti`` from the top right one, int64 (H*W,)."""
    row, col = np.arange(height)[:, None], np.arange(width)
    diagonal = row + (col[::-1] if anti else col)
    if variant == "_wrap":
        key = diagonal % width
    elif variant == "_zigzag":
        key = diagonal * height + np.where(diagonal % 2, row, height - 1 - row)
    else:
        key = diagonal
    # Among equal keys a stable sort keeps the raster order, which in a diagonal is that of the rows.
    return torch.from_numpy(np.argsort(key, axis=None, kind="stable"))


def simplify(base: str, symmetry: Symmetry) -> tuple[str, Symmetry, bool]:
    """The same order under a shorter name.

    On every grid, with X for nothing, ``_zigzag`` or ``_wrap``: ``diagonalX_lr`` is ``antidiagonalX``; ``diagonalX_t_ud`` is
    ``antidiagonalX_t``; and both mirrors of a plain ``diagonal`` are its flip, hence ``diagonal_ud`` is ``antidiagonal_flip``
    and ``diagonal_t_lr`` is ``antidiagonal_t_flip``. The same holds with diagonal and antidiagonal exchanged. Nothing else
    holds on every grid.

    Args:
        base: A name of this family.
        symmetry: What it is carried over by.

    Returns:
        Base name, symmetry and whether the order is walked backwards.
    """
    # A mirror left to right after the transposition is one top to bottom before it.
    across, down = (symmetry.ud, symmetry.lr) if symmetry.transpose else (symmetry.lr, symmetry.ud)
    base = _mirrored(base) if across else base
    transposed = Symmetry(transpose=symmetry.transpose)
    if down and base.endswith("diagonal"):
        return _mirrored(base), transposed, True
    return base, Symmetry(ud=down).then(transposed), False


def _mirrored(base: str) -> str:
    return base.removeprefix(ANTI) if base.startswith(ANTI) else ANTI + base


DIAGONAL = ScanFamily(
    name="diagonal",
    pattern=r"(anti)?diagonal(_zigzag|_wrap)?",
    visit=visit,
    simplify=simplify,
    description="diagonals, plain, there and back (_zigzag) or wrapped around (_wrap); antidiagonal: mirrored",
    examples=("diagonal", "diagonal_zigzag", "diagonal_wrap", "antidiagonal"),
)
