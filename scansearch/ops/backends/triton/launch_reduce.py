"""Pooling and reducing normalised tokens in the ``triton`` backend: tensors for its kernels, and the other way round."""

from __future__ import annotations

import torch

from scansearch.ops.backends.base import EPS
from scansearch.ops.backends.triton.tiled_reduce import map_backward, pool_forward, reduce_backward, reduce_forward
from scansearch.ops.backends.triton.tiles import LEAST_DOT, Tile, power_of_two
from scansearch.ops.shapes import reduced_like

Tensor = torch.Tensor
MOST_PARTS = 64
"""Of the sum over all tokens in the weight's gradient."""
WARPS = 4


def forward(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The mean (G, B, D), of x's type, and the map (G, B, L, R), of the wider type; mean and scale of every token, float32."""
    (groups, batch, length, width), maps = x.shape, weight.shape[0]
    pooled, reduced = reduced_like(x, weight)
    rows, tile = groups * batch * length, _tile(width)
    moments = torch.empty(2, groups, batch, length, dtype=torch.float32, device=x.device)
    if not x.numel():
        return pooled.zero_(), reduced.zero_(), moments
    x, weight = x.contiguous(), weight.contiguous()
    reduce_forward[(tile.count(rows),)](
        x, weight, moments, reduced, rows, width, maps, EPS=EPS, MAPS=_whole(maps), **_arguments(tile)
    )
    pool_forward[groups * batch, tile.blocks(width)](x, moments, pooled, rows, length, width, **tile.arguments)
    return pooled, reduced, moments


def backward(
    dx: Tensor | None, dpooled: Tensor | None, dreduced: Tensor | None, x: Tensor, weight: Tensor, moments: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of x, with ``dx`` added that reaches it from elsewhere, and of weight, each of its tensor's type."""
    (groups, batch, length, width), maps = x.shape, weight.shape[0]
    if not x.numel():
        return torch.zeros_like(x), torch.zeros_like(weight)
    dpooled = x.new_zeros(groups, batch, width) if dpooled is None else dpooled.contiguous()
    dreduced = x.new_zeros(groups, batch, length, maps) if dreduced is None else dreduced.contiguous()
    rows, tile = groups * batch * length, _tile(width)
    found = torch.empty_like(x, memory_format=torch.contiguous_format)
    x, weight = x.contiguous(), weight.contiguous()
    elsewhere, numbers = x if dx is None else dx.contiguous(), _arguments(tile)
    given = (elsewhere, dpooled, dreduced, x, weight, moments)
    reduce_backward[(tile.count(rows),)](
        *given, found, rows, length, width, maps, ADD=dx is not None, MAPS=LEAST_DOT, **numbers
    )
    if not maps:
        return found, torch.zeros_like(weight)
    span = -(-tile.count(rows) // MOST_PARTS)
    parts = -(-tile.count(rows) // span)
    dweight = torch.empty(parts, maps, width, dtype=torch.float32, device=x.device)
    map_backward[parts, tile.blocks(width)](
        dreduced, x, moments, dweight, rows, span, width, maps, MAPS=_whole(maps), **numbers
    )
    return found, dweight.sum(0).to(weight)


def _tile(width: int) -> Tile:
    return Tile.of(2 * LEAST_DOT, width)


def _whole(maps: int) -> int:
    return max(LEAST_DOT, power_of_two(maps))


def _arguments(tile: Tile) -> dict[str, int]:
    return {**tile.arguments, "num_warps": WARPS}
