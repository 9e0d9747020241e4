"""How large the head for classes of pixels is, and what it costs; known where torch is not."""

from __future__ import annotations

from collections.abc import Sequence

from scansearch.models.flop_formulas import Formula
from scansearch.shape import ImageShape, Size

WIDTH, STEM = 32, 16
"""Channels of the head, and of the stem that sees the image at its full size."""
GROUPS = 4


def dense_parameters(widths: Sequence[int], shape: ImageShape) -> int:
    """How many parameters a ``DenseHead`` for maps of these widths has."""
    norms = 2 * sum(widths)
    stem = 9 * shape.channels * STEM + 2 * STEM
    merges = sum(9 * (WIDTH + width) * WIDTH + 2 * WIDTH for width in (STEM, *widths[:-1]))
    return norms + stem + (widths[-1] + 1) * WIDTH + merges + (WIDTH + 1) * shape.classes


def dense_flops(widths: Sequence[int], grids: Sequence[Size], formula: Formula, shape: ImageShape) -> int:
    """FLOPs of a ``DenseHead`` for one image: the products, and its norms as a formula counts them.

    Args:
        widths: Channels of each map, finest first.
        grids: Rows and columns of each.
        formula: How FLOPs are counted.
        shape: The images and the classes.
    """
    norm, pixels = formula.other_norms, shape.height * shape.width
    areas = [rows * columns for rows, columns in grids]
    norms = sum(norm * width * area for width, area in zip(widths, areas, strict=True))
    stem = (9 * shape.channels + norm) * STEM * pixels
    finer = [(STEM, pixels), *zip(widths[:-1], areas[:-1], strict=True)]
    merges = sum((9 * (WIDTH + width) + norm) * WIDTH * area for width, area in finer)
    return norms + stem + widths[-1] * WIDTH * areas[-1] + merges + WIDTH * shape.classes * pixels
