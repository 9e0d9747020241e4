"""Window orders (LocalMamba, arXiv 2403.09338): the grid is cut into K x K windows, visited one after the other.

``wK`` goes window by window in rows and inside a window in rows; ``wK_col`` does both in columns. A window that would
cross the edge of the grid is cut off at the edge. LocalMamba's code instead pads the grid with zero tokens up to a multiple
of K and lets them run through the scan; that is the padded form, which its released weights need.
"""

from __future__ import annotations

import torch

from scansearch.errors import ScansearchError
from scansearch.scans.family import MAX_TOKENS, ScanFamily


def visit_padded(height: int, width: int, size: str, column: str | None) -> torch.Tensor:
    """Visiting order of the zero-padded grid, int64 (L',), -1 where the token is a zero of the padding."""
    k = int(size)
    rows, cols = -(-height // k), -(-width // k)
    if rows * k * cols * k > MAX_TOKENS:
        raise ScansearchError(
            f"a zero-padded grid has at most {MAX_TOKENS} tokens, but w{size} pads {height} x {width} to "
            f"{rows * k} x {cols * k}; use a smaller window, or windows cut at the edge (padded=False)"
        )
    tokens = torch.full((rows * k, cols * k), -1, dtype=torch.int64)
    tokens[:height, :width] = torch.arange(height * width).view(height, width)
    windows = tokens.view(rows, k, cols, k)
    order = windows.permute(2, 0, 3, 1) if column else windows.permute(0, 2, 1, 3)
    return order.reshape(-1)


def visit(height: int, width: int, size: str, column: str | None) -> torch.Tensor:
    """Visiting order with windows cut at the edge, int64 (H*W,): the padded order without its padding."""
    # A window beyond the grid is the grid: this keeps a huge K from allocating K x K tokens.
    size = str(min(int(size), max(height, width)))
    order = visit_padded(height, width, size, column)
    return order[order >= 0]


WINDOW = ScanFamily(
    name="window",
    pattern=r"w([1-9][0-9]{0,8})(_col)?",
    visit=visit,
    visit_padded=visit_padded,
    description="K x K windows in rows, rows inside (wK); both in columns (wK_col)",
    examples=("w2", "w2_flip", "w7", "w7_flip", "w2_col"),
)
