"""Scan orders: the sequence in which the tokens of a grid are visited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from reprlib import repr as short

import torch

from scansearch.errors import ScansearchError
from scansearch.registry import SCAN_ORDERS
from scansearch.scans.family import MAX_TOKENS, ScanFamily

FLIP = "_flip"


@dataclass(frozen=True)
class ScanOrder:
    """A scan order by name, on any grid.

    A name is a base (``h``, ``v``, ``w7``, ``w7_col``, ...) and, if the order is walked backwards, ``_flip``.

    Args:
        name: Name of the order.

    Raises:
        ScansearchError: If no family answers to the name.

    Example:
        >>> ScanOrder("v").indices(2, 3).tolist()
        [0, 3, 1, 4, 2, 5]
    """

    name: str

    def __post_init__(self) -> None:
        _find(self.name)

    @property
    def base(self) -> str:
        """The name without its flip."""
        return self.name.removesuffix(FLIP)

    @property
    def flipped(self) -> bool:
        """Whether the base order is walked backwards."""
        return self.name.endswith(FLIP)

    @property
    def family(self) -> ScanFamily:
        """The family that defines the order."""
        return _find(self.name)[0]

    def indices(self, height: int, width: int, *, padded: bool = False) -> torch.Tensor:
        """Visiting order: the token at each place of the sequence.

        Args:
            height: Rows of the grid, at least 1.
            width: Columns of the grid, at least 1.
            padded: Use LocalMamba's zero-padded windows.

        Returns:
            int64 of shape (H*W,), a permutation of the tokens counted row by row. With ``padded``, shape (L',) with
            L' >= H*W and -1 for every zero token. It is the caller's own copy; the order itself is cached.

        Raises:
            ScansearchError: If the grid is empty or has more than 2^24 tokens.
        """
        return _indices(self.name, height, width, padded, SCAN_ORDERS.changes).clone()

    def inverse(self, height: int, width: int, *, padded: bool = False) -> torch.Tensor:
        """Place of each token in the sequence, int64 of shape (H*W,): ``indices[inverse] == arange(H*W)``."""
        return _inverse(self.name, height, width, padded, SCAN_ORDERS.changes).clone()


def distinct(names: Iterable[str], height: int, width: int) -> dict[str, str]:
    """Merges the orders that coincide on a grid.

    Args:
        names: Scan orders, in order of preference.
        height: Rows of the grid.
        width: Columns of the grid.

    Returns:
        Each name, mapped to the first of ``names`` that visits this grid in the same sequence (often itself).
    """
    first: dict[bytes, str] = {}
    return {n: first.setdefault(ScanOrder(n).indices(height, width).numpy().tobytes(), n) for n in names}


# Caches are asked with the number of changes of the registry: a family that was replaced must not live on in them.


def _find(name: str) -> tuple[ScanFamily, tuple[str | None, ...]]:
    return _find_cached(name, SCAN_ORDERS.changes)


@lru_cache(maxsize=4096)
def _find_cached(name: str, changes: int) -> tuple[ScanFamily, tuple[str | None, ...]]:
    families, broken = _families()
    base = name.removesuffix(FLIP)
    matches = [(family, groups) for family in families if (groups := family.match(base)) is not None]
    if len(matches) > 1:
        names = ", ".join(family.name for family, _ in matches)
        raise ScansearchError(f"scan order {name!r} is claimed by several families ({names}); uninstall all but one")
    if not matches:
        known = "; ".join(f"{', '.join(f.examples)} ({f.description})" for f in families)
        raise ScansearchError(
            "; ".join([f"unknown scan order {short(name)}; there is: {known}; each also with {FLIP}", *broken])
        )
    return matches[0]


def _families() -> tuple[list[ScanFamily], list[str]]:
    """The families that load, and why the others do not: one broken plug-in must not take every order with it."""
    families, broken = [], []
    for name in SCAN_ORDERS.names():
        try:
            families.append(SCAN_ORDERS.get(name))
        except ScansearchError as error:
            broken.append(str(error))
    return families, broken


@lru_cache(maxsize=4096)
def _indices(name: str, height: int, width: int, padded: bool, changes: int) -> torch.Tensor:
    if height < 1 or width < 1:
        raise ScansearchError(f"a grid has at least one row and one column, but got {height} x {width}")
    if height * width > MAX_TOKENS:
        raise ScansearchError(
            f"a grid has at most {MAX_TOKENS} tokens, but got {height} x {width}; use smaller images or larger patches"
        )
    order = ScanOrder(name)
    with torch.device("cpu"):  # whatever the caller's default device is: the result is cached
        visited = _visit(order, height, width, padded)
        return visited.flip(0) if order.flipped else visited.contiguous()


def _visit(order: ScanOrder, height: int, width: int, padded: bool) -> torch.Tensor:
    family, groups = _find(order.name)
    if padded and family.visit_padded is not None:
        return family.visit_padded(height, width, *groups)
    visited = family.visit(height, width, *groups)
    _check_permutation(order, visited, height, width)
    return visited


@lru_cache(maxsize=4096)
def _inverse(name: str, height: int, width: int, padded: bool, changes: int) -> torch.Tensor:
    return invert(_indices(name, height, width, padded, changes), height * width)


def invert(order: torch.Tensor, tokens: int) -> torch.Tensor:
    """Place of each of ``tokens`` tokens in a visiting order (L',) that may hold -1 for zero tokens; int64 (tokens,)."""
    places = torch.nonzero(order >= 0).squeeze(1)
    inverse = torch.empty(tokens, dtype=torch.int64, device=order.device)
    inverse[order[places]] = places
    return inverse


def _check_permutation(order: ScanOrder, visited: torch.Tensor, height: int, width: int) -> None:
    tokens = torch.arange(height * width)
    shaped = visited.dtype == torch.int64 and visited.shape == tokens.shape
    if not shaped or not torch.equal(visited.sort().values, tokens):
        raise ScansearchError(
            f"scan order {order.name!r} must visit each of the {height} x {width} tokens once, as int64 of shape "
            f"({height * width},); its family ({order.family.name}) returned something else"
        )
