"""The scan orders of a layer as tables of indices, which the kernels read instead of copying tokens around."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import torch
from torch.nn.utils.rnn import pad_sequence

from scansearch.ops import Orders
from scansearch.registry import SCAN_ORDERS
from scansearch.scans import ScanOrder, invert
from scansearch.scans.own_thread import in_own_thread


def order_tables(
    directions: Sequence[str],
    grid: tuple[int, int],
    *,
    padded: bool = False,
    class_token: bool = False,
    flips: Literal["patches", "sequence"] = "patches",
) -> Orders:
    """Visiting orders and their inverses, built once for all layers that have the same; they must not be written to.

    Args:
        directions: G scan orders.
        grid: Rows and columns of the tokens.
        padded: Use LocalMamba's zero-padded windows.
        class_token: A class token stands in the middle of the tokens, and as far from the beginning of every sequence.
        flips: What an order that is walked backwards flips: the ``patches``, around the class token, or the whole ``sequence``, with
            the token in it.

    Returns:
        int64 (G, L') on the CPU: the token at each place, or -1 for a zero token; shorter orders are filled up with those.
        And int64 (G, L): the place of each token.
    """
    return _tables(tuple(directions), grid, padded, class_token, flips == "sequence", SCAN_ORDERS.changes)


def is_backwards(direction: str) -> bool:
    """Whether a direction is walked backwards, under whatever name."""
    return ScanOrder(ScanOrder(direction).canonical).flipped


def is_misplaced(direction: str) -> bool:
    """Whether LocalMamba's code has a wrong inverse of a direction, on grids that are not square."""
    return ScanOrder(direction).canonical in ("v", "v_flip")


def released_places(
    directions: Sequence[str], grid: tuple[int, int], *, class_token: bool = False
) -> torch.Tensor | None:
    """Whose result LocalMamba's code leaves at the place of each token, where its inverse of ``v`` and ``v_flip`` is wrong.

    It takes the order of ``v`` for its inverse, which holds on square grids only.

    Args:
        directions: G scan orders.
        grid: Rows and columns of the tokens.
        class_token: A class token stands in the middle of the tokens; it keeps its place.

    Returns:
        int64 (G, L) on the CPU, or ``None`` where every token has its own.
    """
    tokens = grid[0] * grid[1]
    wrong = [is_misplaced(name) for name in directions]
    if grid[0] == grid[1] or not any(wrong):
        return None
    order = ScanOrder("v").indices(*grid)
    rows = [order[order] if flag else torch.arange(tokens, device="cpu") for flag in wrong]
    return torch.stack([_with_class_token(row, tokens // 2) for row in rows] if class_token else rows)


@lru_cache(maxsize=256)
def _tables(
    directions: tuple[str, ...], grid: tuple[int, int], padded: bool, class_token: bool, whole: bool, changes: int
) -> Orders:
    return in_own_thread(lambda: _laid_out(directions, grid, padded, class_token, whole))


def _laid_out(
    directions: tuple[str, ...], grid: tuple[int, int], padded: bool, class_token: bool, whole: bool
) -> Orders:
    tokens = grid[0] * grid[1]
    orders = [ScanOrder(name).indices(*grid, padded=padded) for name in directions]
    if class_token:
        backwards = [whole and is_backwards(name) for name in directions]
        orders = [_with_class_token(o, tokens // 2, flipped=flag) for o, flag in zip(orders, backwards, strict=True)]
    order = pad_sequence(orders, batch_first=True, padding_value=-1)
    return Orders(order, invert(order, tokens + class_token))


def _with_class_token(order: torch.Tensor, place: int, *, flipped: bool = False) -> torch.Tensor:
    """Adds a class token that stands at ``place`` of the tokens, and of the sequence, counted from its end if that is flipped."""
    shifted = order + (order >= place)
    at = len(order) - place if flipped else place
    return torch.cat([shifted[:at], shifted.new_tensor([place]), shifted[at:]])
