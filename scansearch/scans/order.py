"""Scan orders: the sequence in which the tokens of a grid are visited."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from scansearch.errors import ScansearchError
from scansearch.lazy import torch
from scansearch.registry import SCAN_ORDERS
from scansearch.scans.family import MAX_TOKENS, ScanFamily
from scansearch.scans.grammar import Parsed, parse
from scansearch.scans.own_thread import in_own_thread
from scansearch.scans.symmetry import Symmetry

MAX_REMEMBERED = 1 << 16  # tokens of a grid: a thousand orders on it take half a gigabyte


@dataclass(frozen=True)
class ScanOrder:
    """A scan order by name, on any grid.

    A name is a base (``h``, ``w7``, ``hilbert``, ...), then symmetries (``_t`` transposed, ``_lr`` and ``_ud`` mirrored),
    then ``_flip`` if it is walked backwards; see ``scansearch.scans.grammar``.

    Args:
        name: Name of the order.

    Raises:
        ScansearchError: If it is no name of an order.

    Examples:
        >>> ScanOrder("v").indices(2, 3).tolist()
        [0, 3, 1, 4, 2, 5]
        >>> ScanOrder("h_t").canonical
        'v'
    """

    name: str

    def __post_init__(self) -> None:
        parse(self.name)

    @property
    def base(self) -> str:
        """The name without symmetries and flip."""
        return parse(self.name).base

    @property
    def symmetry(self) -> Symmetry:
        """What the base order is carried over by."""
        return parse(self.name).symmetry

    @property
    def flipped(self) -> bool:
        """Whether the order is walked backwards."""
        return parse(self.name).flipped

    @property
    def family(self) -> ScanFamily:
        """The family that defines the order."""
        return parse(self.name).family

    @property
    def canonical(self) -> str:
        """The simplest name of this order: equal ones are equal on every grid."""
        return _canonical(self.name, SCAN_ORDERS.changes)

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
        return invert(_indices(self.name, height, width, padded, SCAN_ORDERS.changes), height * width)

    def remark(self, height: int, width: int) -> str | None:
        """Why the order is pointless on this grid, for example a window larger than it; ``None`` if it is not."""
        parsed = parse(self.name)
        if parsed.family.remark is None:
            return None
        return parsed.family.remark(*parsed.symmetry.grid(height, width), *parsed.groups)


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
    return {name: first.setdefault(_digest(name, height, width, SCAN_ORDERS.changes), name) for name in names}


def variants(base: str) -> list[str]:
    """Canonical names of the up to 16 variants of a base order: its eight symmetries, and each of them backwards.

    Examples:
        >>> variants("h")
        ['h', 'h_flip', 'h_lr_flip', 'h_lr', 'v', 'v_flip', 'v_lr_flip', 'v_lr']
    """
    symmetries = (Symmetry(*flags) for flags in product((False, True), repeat=3))
    names = (f"{base}{symmetry.suffix}{flip}" for symmetry in symmetries for flip in ("", "_flip"))
    return list(dict.fromkeys(ScanOrder(name).canonical for name in names))


# Caches are asked with the number of changes of the registry: a family that was replaced must not live on in them.


@lru_cache(maxsize=1 << 14)
def _canonical(name: str, changes: int) -> str:
    return str(parse(name).simplified())


@lru_cache(maxsize=1 << 16)
def _digest(name: str, height: int, width: int, changes: int) -> bytes:
    """Sixteen bytes that stand for the permutation."""
    visited = _indices(name, height, width, False, changes)
    return hashlib.blake2b(visited.numpy().data, digest_size=16).digest()


def _indices(name: str, height: int, width: int, padded: bool, changes: int) -> torch.Tensor:
    if height < 1 or width < 1:
        raise ScansearchError(f"a grid has at least one row and one column, but got {height} x {width}")
    if height * width > MAX_TOKENS:
        raise ScansearchError(
            f"a grid has at most {MAX_TOKENS} tokens, but got {height} x {width}; use smaller images or larger patches"
        )
    remembered = not padded and height * width <= MAX_REMEMBERED  # padding may be of any size
    return (_laid_out if remembered else _laid_out.__wrapped__)(name, height, width, padded, changes)


@lru_cache(maxsize=1 << 10)
def _laid_out(name: str, height: int, width: int, padded: bool, changes: int) -> torch.Tensor:
    return in_own_thread(lambda: _lay_out(name, height, width, padded, changes))


def _lay_out(name: str, height: int, width: int, padded: bool, changes: int) -> torch.Tensor:
    parsed = parse(name)
    visited = _visit(parsed.base, *parsed.symmetry.grid(height, width), padded, changes)
    visited = parsed.symmetry.apply(visited, height, width)
    return visited.flip(0) if parsed.flipped else visited.contiguous()


def _visit(base: str, height: int, width: int, padded: bool, changes: int) -> torch.Tensor:
    parsed = parse(base)
    with torch.device("cpu"):  # whatever the caller's default device is: the result is cached
        if padded and parsed.family.visit_padded is not None:
            return parsed.family.visit_padded(height, width, *parsed.groups)
        visited = parsed.family.visit(height, width, *parsed.groups)
    _check_permutation(parsed, visited, height * width, f"{height} x {width}")
    return visited


def invert(order: torch.Tensor, tokens: int) -> torch.Tensor:
    """Place of each of ``tokens`` tokens in visiting orders (..., L') that may hold -1 for zero tokens; int64 (..., tokens)."""
    inverse = order.new_empty(*order.shape[:-1], tokens + 1)  # the last entry takes the zero tokens
    places = torch.arange(order.shape[-1], device=order.device).expand_as(order)
    return inverse.scatter_(-1, torch.where(order < 0, tokens, order), places)[..., :-1].contiguous()


def _check_permutation(parsed: Parsed, visited: torch.Tensor, tokens: int, grid: str) -> None:
    shaped = visited.dtype == torch.int64 and visited.shape == (tokens,)
    if (
        not shaped
        or int(visited.min()) < 0
        or int(visited.max()) >= tokens
        or int(visited.bincount(minlength=tokens).max()) > 1
    ):
        raise ScansearchError(
            f"scan order {parsed.base!r} must visit each of the {grid} tokens once, as int64 of shape "
            f"({tokens},); its family ({parsed.family.name}) returned something else"
        )
