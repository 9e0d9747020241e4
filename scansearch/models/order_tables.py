"""The scan orders of a layer as tables of indices, which the kernels read instead of copying tokens around."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch.nn.utils.rnn import pad_sequence

from scansearch.ops import Orders
from scansearch.registry import SCAN_ORDERS
from scansearch.scans import ScanOrder, invert
from scansearch.scans.own_thread import in_own_thread


def order_tables(
    directions: Sequence[str], grid: tuple[int, int], *, padded: bool = False, class_token: bool = False
) -> Orders:
    """Visiting orders and their inverses, built once for all layers that have the same; they must not be written to.

    Args:
        directions: G scan orders.
        grid: Rows and columns of the tokens.
        padded: Use LocalMamba's zero-padded windows.
        class_token: A class token stands in the middle of the tokens, and of every sequence.

    Returns:
        int64 (G, L') on the CPU: the token at each place, or -1 for a zero token; shorter orders are filled up with those.
        And int64 (G, L): the place of each token.
    """
    return _tables(tuple(directions), grid, padded, class_token, SCAN_ORDERS.changes)


@lru_cache(maxsize=256)
def _tables(
    directions: tuple[str, ...], grid: tuple[int, int], padded: bool, class_token: bool, changes: int
) -> Orders:
    return in_own_thread(lambda: _laid_out(directions, grid, padded, class_token))


def _laid_out(directions: tuple[str, ...], grid: tuple[int, int], padded: bool, class_token: bool) -> Orders:
    tokens = grid[0] * grid[1]
    orders = [ScanOrder(name).indices(*grid, padded=padded) for name in directions]
    if class_token:
        orders = [_with_class_token(order, tokens // 2) for order in orders]
    order = pad_sequence(orders, batch_first=True, padding_value=-1)
    return Orders(order, invert(order, tokens + class_token))


def _with_class_token(order: torch.Tensor, place: int) -> torch.Tensor:
    """Adds a class token that stands at ``place`` of the tokens, and in the middle of the sequence."""
    shifted = order + (order >= place)
    middle = len(order) // 2
    return torch.cat([shifted[:middle], shifted.new_tensor([place]), shifted[middle:]])
