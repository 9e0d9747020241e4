"""How well a scan order keeps a grid together, and how much two orders say the same.

The tokens of an H x W grid are the nodes of its grid graph: each is joined to those above, below, left and right of it. A
scan order is a linear arrangement of that graph. The *place* of a token is where it comes in the sequence, 0 to L - 1 with
L = H * W; the *sequence distance* of two tokens is the difference of their places, their *grid distance* is
|row - row'| + |column - column'| (Manhattan), the length of a shortest path in the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import isqrt
from typing import Literal

import numpy as np

from scansearch.errors import ScansearchError
from scansearch.scans.order import ScanOrder

MAX_MEASURED = 1 << 16  # tokens: all pairs of them are looked at
MAX_PAIRS = 1 << 34  # pairs of tokens, of all orders that are asked for together: about half a minute
MAX_COMPARED = 200  # orders: all pairs of them are looked at

Relation = Literal["identical", "reversed"]


@dataclass(frozen=True)
class Locality:
    """Measures of one scan order on one grid.

    A mean over nothing is 0 (a grid of one token has neither steps nor neighbours), and the share of no steps is 1.

    Args:
        unit_steps: Share of the L - 1 steps from one token of the sequence to the next that go to a grid neighbour, 0 to 1.
        mean_step: Mean grid distance of tokens that follow each other; 1 if every step is a unit step.
        largest_step: Largest of these distances.
        mean_neighbour_distance: Mean sequence distance of grid neighbours, over all edges of the grid graph.
        bandwidth: Largest sequence distance of grid neighbours, which is the bandwidth of this linear arrangement of the
            grid graph. No order of a grid of two tokens or more has less than min(H, W) (J. Chvatalova, Discrete
            Mathematics 11, 1975).
        arrangement_cost: Sum of the sequence distances over all edges, the cost of this linear arrangement. The least
            there is on a rectangle is known (P. Fishburn, P. Tetali and P. Winkler, Discrete Mathematics 213, 2000).
        structural_distortion: Mean over all L (L - 1) / 2 pairs of tokens of sequence distance / grid distance, at least
            1. It is the stretch of P. Xu and S. Tirthapura (IPDPS 2012), averaged over all pairs instead of neighbours
            alone, for which it would be ``mean_neighbour_distance`` again.
    """

    unit_steps: float
    mean_step: float
    largest_step: int
    mean_neighbour_distance: float
    bandwidth: int
    arrangement_cost: int
    structural_distortion: float


def measure(name: str, height: int, width: int) -> Locality:
    """Measures a scan order.

    Args:
        name: Name of the order.
        height: Rows of the grid.
        width: Columns of the grid.

    Raises:
        ScansearchError: If the name is unknown, the grid is empty or has more than ``MAX_MEASURED`` tokens.
    """
    check_measured(1, height, width)
    return measure_visits(ScanOrder(name).indices(height, width).numpy(), height, width)


def measure_visits(visited: np.ndarray, height: int, width: int) -> Locality:
    """Measures a visiting order, int64 (H*W,): the token, counted row by row, at each place of the sequence."""
    check_measured(1, height, width)
    rows, cols = np.divmod(visited, width)
    steps = np.abs(np.diff(rows)) + np.abs(np.diff(cols))
    places = np.empty_like(visited)
    places[visited] = np.arange(len(visited))
    edges = grid_edges(height, width)
    apart = np.abs(places[edges[:, 0]] - places[edges[:, 1]])
    return Locality(
        unit_steps=float((steps == 1).mean()) if steps.size else 1.0,
        mean_step=float(steps.mean()) if steps.size else 0.0,
        largest_step=int(steps.max(initial=0)),
        mean_neighbour_distance=float(apart.mean()) if apart.size else 0.0,
        bandwidth=int(apart.max(initial=0)),
        arrangement_cost=int(apart.sum()),
        structural_distortion=_mean_stretch(rows, cols),
    )


@lru_cache(maxsize=64)
def grid_edges(height: int, width: int) -> np.ndarray:
    """Pairs of grid neighbours, each once, as tokens counted row by row; int64 (H (W-1) + (H-1) W, 2), read-only."""
    import networkx as nx

    ends = np.array(list(nx.grid_2d_graph(height, width).edges()), dtype=np.int64).reshape(-1, 2, 2)
    edges: np.ndarray = ends @ np.array([width, 1])
    edges.flags.writeable = False
    return edges


def similarity(names: Sequence[str], height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Compares scan orders pair by pair.

    Args:
        names: N >= 1 names of orders.
        height: Rows of the grid.
        width: Columns of the grid.

    Returns:
        Two symmetric float64 matrices (N, N) with ones on the diagonal. First Kendall's tau of the places, -1 to 1: the
        share of pairs of tokens that both orders visit in the same sequence, less the share that they do not; a reversed
        order has -1. Then the share of the L - 1 pairs of consecutive tokens, whichever comes first, that both orders
        have, 0 to 1. On a grid of one token all is 1.

    Raises:
        ScansearchError: If a name is unknown, the grid is empty, or that is too much; see ``check_measured``.
    """
    _check_compared(len(names))
    check_measured(len(names), height, width)
    visits = np.stack([ScanOrder(name).indices(height, width).numpy() for name in names])
    return _kendall(np.argsort(visits, axis=1)), _shared_adjacency(visits)


def relation(first: str, second: str, height: int, width: int) -> Relation | None:
    """Whether two orders are redundant on a grid: identical, or one the other reversed; ``None`` if neither."""
    a, b = (ScanOrder(name).indices(height, width).numpy() for name in (first, second))
    if np.array_equal(a, b):
        return "identical"
    return "reversed" if np.array_equal(a, b[::-1]) else None


def redundant(names: Iterable[str], height: int, width: int) -> list[tuple[str, str, Relation]]:
    """The pairs of orders that are redundant on a grid, and how; see ``relation``.

    Raises:
        ScansearchError: If there are more than ``MAX_COMPARED``.
    """
    orders = list(names)
    _check_compared(len(orders))
    pairs = ((a, b, relation(a, b, height, width)) for a, b in combinations(orders, 2))
    return [(a, b, how) for a, b, how in pairs if how is not None]


def check_measured(orders: int, height: int, width: int) -> None:
    """Checks that so many orders can be measured, or compared, on a grid in a reasonable time.

    Raises:
        ScansearchError: If the grid has more than ``MAX_MEASURED`` tokens, or all orders more than ``MAX_PAIRS`` pairs of them.
    """
    tokens = height * width
    if tokens > MAX_MEASURED:
        raise ScansearchError(
            f"scan orders are measured on at most {MAX_MEASURED} tokens, but {height} x {width} has {tokens}; "
            "use a smaller grid"
        )
    if orders * tokens**2 > MAX_PAIRS:
        raise ScansearchError(
            f"{orders} scan orders are measured on at most {isqrt(MAX_PAIRS // orders)} tokens, but {height} x {width} has "
            f"{tokens}; use a smaller grid, or name fewer"
        )


def _check_compared(orders: int) -> None:
    if orders > MAX_COMPARED:
        raise ScansearchError(f"at most {MAX_COMPARED} scan orders are compared, but got {orders}; name fewer")


def _mean_stretch(rows: np.ndarray, cols: np.ndarray) -> float:
    """Mean of sequence distance / grid distance over all pairs, from coordinates (L,) in visiting order."""
    length = len(rows)
    if length == 1:
        return 0.0
    row, col = rows.astype(np.int32), cols.astype(np.int32)
    # Pairs of one sequence distance at a time: a matrix of all pairs of 65,536 tokens would take 32 GB.
    total = sum(
        lag * np.reciprocal(np.abs(row[lag:] - row[:-lag]) + np.abs(col[lag:] - col[:-lag]), dtype=np.float64).sum()
        for lag in range(1, length)
    )
    return float(total / (length * (length - 1) / 2))


def _kendall(places: np.ndarray) -> np.ndarray:
    """Kendall's tau of permutations, (N, L) to (N, N). scipy's, one pair at a time, takes 30 times as long on 14 x 14."""
    count, length = places.shape
    if length == 1:
        return np.ones((count, count))
    agreements = np.zeros((count, count))
    for token in range(length - 1):
        later = np.sign(places[:, token + 1 :] - places[:, token, None], dtype=np.float32)
        agreements += later @ later.T  # whole numbers below 2^24: exact
    tau: np.ndarray = agreements / (length * (length - 1) / 2)
    return tau


def _shared_adjacency(visits: np.ndarray) -> np.ndarray:
    from scipy.sparse import csr_array

    count, tokens = visits.shape
    if tokens == 1:
        return np.ones((count, count))
    before, after = visits[:, :-1], visits[:, 1:]
    kinds, kind = np.unique(np.minimum(before, after) * tokens + np.maximum(before, after), return_inverse=True)
    orders = np.repeat(np.arange(count), tokens - 1)
    has = csr_array((np.ones(kind.size), (orders, kind.reshape(-1))), shape=(count, len(kinds)))
    shared: np.ndarray = (has @ has.T).toarray() / (tokens - 1)
    return shared
