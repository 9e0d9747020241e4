"""Window orders (LocalMamba, arXiv 2403.09338): the grid is cut into windows, visited one after the other.

``wKxM`` cuts it into windows of K rows and M columns; ``wK`` is ``wKxK``. Windows are visited row by row, and inside a
window the rows from left to right. ``_snake`` walks every other row of a window back (counted inside the window), and
``_col`` does everything by columns: windows column by column, columns inside. A window that would cross the edge of the
grid is cut off there. LocalMamba's code instead pads the grid with zero tokens up to a multiple of K and lets them run
through the scan; that is the padded form, which its released weights need.
"""

from __future__ import annotations

import re

from scansearch.errors import ScansearchError
from scansearch.lazy import torch
from scansearch.scans.family import MAX_TOKENS, ScanFamily
from scansearch.scans.symmetry import Symmetry

NAME = r"w([1-9][0-9]{0,8})(?:x([1-9][0-9]{0,8}))?(_snake)?(_col)?"


def visit_padded(
    height: int, width: int, rows: str, cols: str | None, snake: str | None, column: str | None
) -> torch.Tensor:
    """Visiting order of the zero-padded grid, int64 (L',), -1 where the token is a zero of the padding."""
    k, m = int(rows), int(cols or rows)
    down, across = -(-height // k), -(-width // m)
    if down * k * across * m > MAX_TOKENS:
        raise ScansearchError(
            f"a zero-padded grid has at most {MAX_TOKENS} tokens, but w{k}x{m} pads {height} x {width} to "
            f"{down * k} x {across * m}; use a smaller window, or windows cut at the edge (padded=False)"
        )
    tokens = torch.full((down * k, across * m), -1, dtype=torch.int64)
    tokens[:height, :width] = torch.arange(height * width).view(height, width)
    windows = tokens.view(down, k, across, m)
    order = windows.permute(2, 0, 3, 1) if column else windows.permute(0, 2, 1, 3)
    order = order.clone()
    if snake:
        order[:, :, 1::2] = order[:, :, 1::2].flip(3)
    return order.reshape(-1)


def visit(height: int, width: int, rows: str, cols: str | None, snake: str | None, column: str | None) -> torch.Tensor:
    """Visiting order with windows cut at the edge, int64 (H*W,): the padded order without its padding."""
    # A window beyond the grid is the grid: this keeps a huge K from allocating K x K tokens.
    k, m = min(int(rows), height), min(int(cols or rows), width)
    order = visit_padded(height, width, str(k), str(m), snake, column)
    return order[order >= 0]


def simplify(base: str, symmetry: Symmetry) -> tuple[str, Symmetry, bool]:
    """The same order without ``_t``: ``w2x3_t`` is ``w3x2_col``; windows of one token are ``h`` or ``v``."""
    rows, cols, snake, column = re.fullmatch(NAME, base).groups()  # type: ignore[union-attr]
    k, m, by_column = int(rows), int(cols or rows), bool(column)
    if symmetry.transpose:
        k, m, by_column = m, k, not by_column
    mirrored = Symmetry(lr=symmetry.lr, ud=symmetry.ud)
    if k == m == 1:
        return "v" if by_column else "h", mirrored, False
    return f"w{k}{'' if k == m else f'x{m}'}{snake or ''}{'_col' if by_column else ''}", mirrored, False


def remark(height: int, width: int, rows: str, cols: str | None, snake: str | None, column: str | None) -> str | None:
    """Says so where one window holds the whole grid."""
    k, m = int(rows), int(cols or rows)
    if k < height or m < width:
        return None
    same = "snake" if snake else "h"
    same = f"{same}_t" if snake and column else "v" if column else same
    return f"a window of {k} x {m} holds the whole {height} x {width} grid, so that this is {same}"


WINDOW = ScanFamily(
    name="window",
    pattern=NAME,
    visit=visit,
    visit_padded=visit_padded,
    simplify=simplify,
    remark=remark,
    hint=(
        r"[wW][0-9x-]*(_.*)?",
        "a window is wK or wKxM, K rows by M columns and each at least 1, then _snake if its rows alternate, then _col if "
        "everything goes by columns; for example w7, w2x4, w7_snake_col",
    ),
    description="windows of K rows and M columns (wK is wKxK); _snake: there and back inside; _col: all by columns",
    examples=("w2", "w2_flip", "w7", "w7_flip", "w2_col", "w2x4", "w7_snake"),
)
