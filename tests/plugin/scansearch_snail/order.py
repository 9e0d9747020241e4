"""A scan order: from the corner along the edge, round and round, to the middle."""

from __future__ import annotations

import torch

from scansearch.scans import ScanFamily


def visit(height: int, width: int) -> torch.Tensor:
    """Visiting order of the grid, int64 (H*W,): takes the top row off, turns what is left, and goes on."""
    tokens = torch.arange(height * width).view(height, width)
    rows = []
    while tokens.numel():
        rows.append(tokens[0])
        tokens = torch.rot90(tokens[1:])
    return torch.cat(rows)


SNAIL = ScanFamily(
    name="snail",
    pattern=r"snail",
    visit=visit,
    description="along the edge, round and round, to the middle",
    examples=("snail", "snail_flip"),
)
