"""A family of scan orders: one pattern of names and the function that visits a grid."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scansearch.scans.symmetry import Symmetry

if TYPE_CHECKING:
    import torch

Visit = Callable[..., "torch.Tensor"]
Simplify = Callable[[str, Symmetry], tuple[str, Symmetry, bool]]

MAX_TOKENS = 1 << 24


@dataclass(frozen=True)
class ScanFamily:
    """Scan orders that share a definition, for example all windows.

    Args:
        name: Name of the family.
        pattern: Regular expression that a base name of the family matches in full. Its groups are handed to ``visit``. Names
            have letters a-z, digits, ``_``, ``.``, ``:`` and ``-`` only, whatever the pattern allows.
        visit: ``visit(height, width, *groups)`` returns the visiting order, int64 of shape (H*W,): the token, counted row
            by row, that stands at each place of the sequence. It is a permutation for every H, W >= 1.
        description: One line for listings.
        examples: Names to show.
        visit_padded: The zero-padded form, if the family has one: int64 of shape (L',), L' >= H*W, with -1 for a zero
            token. ``None`` means that the family never pads.
        simplify: From a base name and a symmetry to a simpler base name, symmetry, and whether it is walked backwards,
            that give the same order on every grid. ``None``: nothing is simpler.
        remark: ``remark(height, width, *groups)`` says why an order is pointless on a grid, or ``None``.
        hint: A regular expression for names that were probably meant for this family, and how its names are written.
    """

    name: str
    pattern: str
    visit: Visit
    description: str
    examples: tuple[str, ...]
    visit_padded: Visit | None = None
    simplify: Simplify | None = None
    remark: Callable[..., str | None] | None = None
    hint: tuple[str, str] | None = None

    def match(self, base: str) -> tuple[str | None, ...] | None:
        """The groups of ``pattern`` in ``base``, or ``None`` if the name is not of this family."""
        found = re.fullmatch(self.pattern, base)
        return found.groups() if found else None
