"""Scan orders on a grid, as what a figure is of; and which orders show what there is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override

from scansearch.figures.sources import FigureSource
from scansearch.registry import SCAN_ORDERS
from scansearch.scans import ScanOrder, Symmetry
from scansearch.scans.locality import relation


@dataclass(frozen=True)
class ScanSource(FigureSource):
    """Scan orders on a grid.

    Args:
        names: Their names; one that comes again is left out.
        grid: Rows and columns of the tokens.
    """

    kind = "scans"
    phrase = "scan orders"

    names: tuple[str, ...]
    grid: tuple[int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(dict.fromkeys(self.names)))

    @override
    def file_name(self, figure: str, options: Sequence[str]) -> str:
        # For example scan-hilbert-14x14; a figure of several orders is called by its own name.
        subject = self.names[0] if len(self.names) == 1 else figure
        stem = "-".join(["scan", subject, *options, f"{self.grid[0]}x{self.grid[1]}"])
        return re.sub(r"[^\w.+-]", "-", stem)

    def too_large(self, most: int, what: str) -> str | None:
        """Why so many tokens cannot be drawn, or compared, in bounded time; ``None`` if they are at most ``most`` in all."""
        count = len(self.names) * self.grid[0] * self.grid[1]
        if count <= most:
            return None
        return (
            f"{what} is of at most {most:,} tokens in all, but {len(self.names):,} orders on {self.grid[0]} x {self.grid[1]} "
            f"have {count:,}; take a smaller grid or fewer orders"
        )


def catalogue(height: int, width: int) -> list[str]:
    """Orders that show what there is: each family's examples, and these transposed where that is a path not shown yet."""
    names = []
    for family in (SCAN_ORDERS.get(name) for name in SCAN_ORDERS.names()):
        shown = list(family.examples)
        for example in map(ScanOrder, family.examples):
            other = ScanOrder(f"{example.base}{example.symmetry.then(Symmetry(transpose=True)).suffix}").canonical
            if not any(relation(other, name, height, width) for name in shown):
                shown.append(other)
        names += shown
    return names
