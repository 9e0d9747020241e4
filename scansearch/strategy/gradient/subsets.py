"""A distribution over the k-subsets of N candidates: P(S) proportional to exp(sum of alpha_i over S), |S| = k.

It is that of independent Bernoulli draws given their number ("conditional Bernoulli"; Chen, Dempster & Liu, Biometrika 81, 1994;
as a layer that gradients pass SIMPLE, Ahmed et al., arXiv 2210.01941). With w_i = exp(alpha_i) its normaliser is e_k(w), the
elementary symmetric polynomial. Here candidates are the leaves of a balanced tree; e_m of a node follows from its halves,

    e_m = sum_b e_b(left) e_(m-b)(right)

in logarithms, and the share of a summand is the probability that, of m taken, b are on the left. Draws go down the tree by these
shares; marginals and covariances are sums of products of probabilities. So nothing large cancels, whatever alpha, and the tree
takes log2 N rounds of operations where one candidate after the other would take N. At k = 1 the marginals are softmax(alpha).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from typing import TypeVar

import numpy as np

from scansearch.errors import ScansearchError
from scansearch.lazy import torch

Array = np.ndarray
T = TypeVar("T")
TINY = float(np.finfo(np.float64).tiny)
IMPOSSIBLE = -1e300
"""The logarithm of 0 where it is subtracted: minus infinity would leave no number."""


class Subsets:
    """The k-subsets of the N candidates of L layers, each with its own alpha; float64 on the CPU.

    Args:
        alpha: Shape (L, N). It is copied to the CPU from wherever it is.
        count: k, from 0 to N.

    Raises:
        ScansearchError: If k is not from 0 to N.
    """

    def __init__(self, alpha: torch.Tensor, count: int) -> None:
        layers, candidates = alpha.shape
        if not 0 <= count <= candidates:
            raise ScansearchError(f"of {candidates} candidates 0 to {candidates} can be taken, but got {count}")
        self.layers, self.candidates, self.count = layers, candidates, count
        values = alpha.detach().cpu().double().numpy()
        self._largest = values.max(axis=1)
        leaves = np.full((layers, 1 << (candidates - 1).bit_length(), 2), -np.inf)
        leaves[..., 0] = 0.0
        leaves[:, :candidates, 1] = values - self._largest[:, None]
        self._inside = [leaves[..., : count + 1]]
        """log e_m (L, nodes, m) of the nodes of a depth, from the leaves up to the root."""
        self._ways: list[Array] = []
        """The summands of each log e_m: log of e_b(left) e_(m-b)(right), (L, nodes, m, b), from below up to the root."""
        while self._inside[-1].shape[1] > 1:
            left, right = _halves(self._inside[-1])
            width = min(2 * left.shape[-1] - 1, count + 1)
            self._ways.append(left[..., None, :] + _without(right, width))
            self._inside.append(np.logaddexp.reduce(self._ways[-1], axis=-1))

    @property
    def log_normaliser(self) -> torch.Tensor:
        """The logarithm of e_k(exp(alpha)), (L,)."""
        return torch.from_numpy(self._inside[-1][:, 0, self.count] + self.count * self._largest)

    def draw(self, generator: torch.Generator | None = None) -> list[tuple[int, ...]]:
        """An ascending subset a layer, exactly by P; ``None`` takes torch's global generator of the CPU."""
        sizes = [ways[:, :, 0].size for ways in self._ways]
        noise = gumbel_noise((sum(sizes),), generator).split(sizes)
        taken, layers = np.full((self.layers, 1), self.count), np.arange(self.layers)[:, None]
        for ways, more in zip(reversed(self._ways), reversed(noise), strict=True):
            rows = ways[layers, np.arange(ways.shape[1]), taken]  # those of m = taken, (L, nodes, b)
            on_left = (rows + more.numpy().reshape(rows.shape)).argmax(-1)
            halves = np.empty((self.layers, 2 * taken.shape[1]), np.int64)
            halves[:, ::2], halves[:, 1::2] = on_left, taken - on_left
            taken = halves
        return [tuple(row) for row in taken.nonzero()[1].reshape(self.layers, self.count).tolist()]

    @cached_property
    def _outside(self) -> tuple[Array, list[Array]]:
        """Of the leaves the log of P(a leaf has m) / e_m, (L, leaves, m), and, from below up to the root, its summands.

        Those are, of each half with b, the log of e_c(the other half) P(their node has b + c) / e_(b+c), (L, nodes, 2, b, c).
        """
        outside, summands = np.full_like(self._inside[-1], -np.inf), []
        outside[..., self.count] = -self._inside[-1][..., self.count]
        for inside in reversed(self._inside[:-1]):
            others = _of_both(inside)[:, :, ::-1]
            summands.append(others[..., None, :] + _together(outside, inside.shape[-1])[:, :, None])
            outside = np.logaddexp.reduce(summands[-1], axis=-1).reshape(inside.shape)
        return outside, summands[::-1]

    @cached_property
    def marginals(self) -> torch.Tensor:
        """pi_i = P(i in S), (L, N): the gradient of ``log_normaliser`` in alpha."""
        return torch.from_numpy(self._taken[:, : self.candidates])

    @cached_property
    def _taken(self) -> Array:
        """The marginals of all leaves."""
        outside, _ = self._outside
        return np.exp(self._inside[0][..., 1:] + outside[..., 1:]).sum(-1)

    @cached_property
    def covariance(self) -> torch.Tensor:
        """Cov(1_i, 1_j) = P(i, j in S) - pi_i pi_j, (L, N, N): the Jacobian of ``marginals`` in alpha; rows add up to 0."""
        pi, given = self._taken, np.zeros_like(self._inside[0])[:, :, None]
        given[..., 1:] = 1.0  # P(i in S | its node has m), (L, nodes, i, m)
        found = np.empty((self.layers, given.shape[1], given.shape[1]))
        _, all_summands = self._outside
        for inside, above, summands in zip(self._inside[:-1], self._inside[1:], all_summands, strict=True):
            left, right = _halves(given)
            both = np.exp(inside[:, ::2, :, None] + summands[:, :, 0])  # P(the left half has b, the right one c)
            one, other = _halves(pi.reshape(given.shape[:3]))
            pairs = left @ both @ right.swapaxes(-1, -2) - one[..., None] * other[..., None, :]
            _put_on_diagonal(found, pairs)
            if given.shape[1] > 2:  # of the root nothing more is asked
                given = (_of_both(given) @ _shares(inside, above)).reshape(*above.shape[:2], -1, above.shape[-1])
        every = np.arange(found.shape[1])
        found[:, every, every] = pi * (1.0 - pi)
        return torch.from_numpy(found[:, : self.candidates, : self.candidates])


class LayerSubsets:
    """The subsets of several layers; those of equal N and k are computed together.

    Args:
        alphas: Of each layer, (N,).
        counts: k of each layer.
    """

    def __init__(self, alphas: Sequence[torch.Tensor], counts: Sequence[int]) -> None:
        self._groups = [
            (layers, Subsets(torch.stack([alphas[i] for i in layers]), counts[layers[0]]))
            for layers in alike(alphas, counts)
        ]

    def draw(self) -> tuple[tuple[int, ...], ...]:
        """An ascending subset a layer, from torch's global generator of the CPU."""
        return self._in_order(subsets.draw() for _, subsets in self._groups)

    def covariances(self) -> tuple[torch.Tensor, ...]:
        """``Subsets.covariance`` (N, N) of each layer."""
        return self._in_order(subsets.covariance for _, subsets in self._groups)

    def _in_order(self, found: Iterable[Iterable[T]]) -> tuple[T, ...]:
        places = (i for layers, _ in self._groups for i in layers)
        by_layer = dict(zip(places, chain.from_iterable(found), strict=True))
        return tuple(by_layer[i] for i in range(len(by_layer)))


def alike(alphas: Sequence[torch.Tensor], counts: Sequence[int]) -> list[list[int]]:
    """The places of the layers, those of equal N and k together: what is done for them together costs little more than for one."""
    groups: dict[tuple[int, int], list[int]] = {}
    for i, (alpha, count) in enumerate(zip(alphas, counts, strict=True)):
        groups.setdefault((len(alpha), count), []).append(i)
    return list(groups.values())


def on_host(alphas: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Every layer's alpha (N,) in float64 on the CPU, detached; the device is waited for once."""
    sizes = [len(alpha) for alpha in alphas]
    return list(torch.cat([alpha.detach() for alpha in alphas]).cpu().double().split(sizes))


def gumbel_noise(shape: tuple[int, ...], generator: torch.Generator | None = None) -> torch.Tensor:
    """Standard Gumbel noise, float64 on the CPU, finite; ``None`` takes torch's global generator."""
    return -torch.empty(shape, dtype=torch.float64).exponential_(generator=generator).clamp_min(TINY).log()


def relaxed_top_k(logits: torch.Tensor, count: int, tau: float) -> torch.Tensor:
    """A differentiable k-hot vector (..., N) of logits (..., N), with the sum k (Xie & Ermon, arXiv 1901.10517, section 3).

    With a_1 the logits: r_j = softmax(a_j / tau), a_(j+1) = a_j + log(1 - r_j) for j = 1..k; the result is the sum of r_j. As tau
    goes to 0, it becomes 1 at the k largest and 0 elsewhere; at k = 1 it is softmax(logits / tau).
    """
    logits = logits / tau
    total = share = logits.softmax(-1)
    for _ in range(count - 1):
        rest = (1.0 - share).clamp_min(torch.finfo(share.dtype).tiny)  # a share that rounds to 1 does not come again
        logits = torch.add(logits, rest.log(), alpha=1.0 / tau)
        share = logits.softmax(-1)
        total = total + share
    return total


def _halves(nodes: Array) -> tuple[Array, Array]:
    return nodes[:, ::2], nodes[:, 1::2]


def _of_both(nodes: Array) -> Array:
    """(L, 2 nodes, ...) as (L, nodes, half, ...)."""
    return nodes.reshape(nodes.shape[0], -1, 2, *nodes.shape[2:])


def _put_on_diagonal(matrix: Array, blocks: Array) -> None:
    """Writes what left leaves i and right leaves j of each node have together, (L, nodes, i, j), into (L, N, N), twice."""
    layers, nodes, leaves, _ = blocks.shape
    squares = matrix.reshape(layers, nodes, 2 * leaves, nodes, 2 * leaves)
    own = np.einsum("lninj->lnij", squares)  # a view: each node's own square
    own[..., :leaves, leaves:] = blocks
    own[..., leaves:, :leaves] = blocks.swapaxes(-1, -2)


def _shares(inside: Array, above: Array) -> Array:
    """P(a half has b | its node has m), (L, nodes, 2, b, m), by log e of the halves and of the nodes."""
    own = _of_both(inside)
    ways = own[..., None, :] + _without(own[:, :, ::-1], above.shape[-1])
    return np.exp(ways - np.maximum(above, IMPOSSIBLE)[:, :, None, :, None]).swapaxes(-1, -2)


def _without(other: Array, width: int) -> Array:
    """``other`` (..., n) at m - b, (..., m, b), for m below ``width``."""
    places, allowed = _differences(width, other.shape[-1])
    return other.take(places, axis=-1) + allowed


def _together(outside: Array, width: int) -> Array:
    """``outside`` (..., n) at b + c, (..., b, c), for b and c below ``width``."""
    places, allowed = _sums(width, outside.shape[-1])
    return outside.take(places, axis=-1) + allowed


@lru_cache(maxsize=256)
def _differences(rows: int, columns: int) -> tuple[Array, Array]:
    return _places(np.subtract.outer(np.arange(rows), np.arange(columns)), columns)


@lru_cache(maxsize=256)
def _sums(columns: int, limit: int) -> tuple[Array, Array]:
    return _places(np.add.outer(np.arange(columns), np.arange(columns)), limit)


def _places(wanted: Array, limit: int) -> tuple[Array, Array]:
    """Places within 0 to limit - 1, and minus infinity where another one was wanted."""
    return wanted.clip(0, limit - 1), np.where((wanted < 0) | (wanted >= limit), -np.inf, 0.0)
