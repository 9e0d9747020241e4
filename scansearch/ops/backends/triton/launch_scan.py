"""The selective scan of the ``triton`` backend: tensors for its kernels, and the other way round.

An empty ``order`` leaves results in the order of the scan; an empty z is no gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from scansearch.ops.backends.triton.tiled_chunks import carry_chunks, chunk_ends
from scansearch.ops.backends.triton.tiled_scan import scan_backward, scan_forward
from scansearch.ops.backends.triton.tiles import Tile, power_of_two

Tensor = torch.Tensor


def kept_shape(shape: Sequence[int], states: int) -> tuple[int, int, int, int]:
    """Shape of the states before every tile, for u's ``shape``."""
    groups, batch, length, width = shape
    return groups * batch, Tile.of(length, width).count(length), states, width


def forward(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor, z: Tensor, order: Tensor, tokens: int,
    softplus: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Result (G, B, tokens, D), of u's type, and the states before tiles, float32."""
    (groups, batch, length, width), states = u.shape, A.shape[2]
    y = u.new_empty(groups, batch, tokens, width)
    kept = torch.empty(kept_shape(u.shape, states), dtype=torch.float32, device=u.device)
    if not u.numel():
        return y, kept
    u, delta, A, B, C, D, bias, z, order = (t.contiguous() for t in (u, delta, A, B, C, D, bias, z, order))
    tile, span, chunks = _chunks(u)
    if chunks == 1:
        kept[:, 0] = 0
    else:
        _carry(u, delta, A, bias, B, z, order, tokens, kept, span, softplus, backward=False)
    scan_forward[groups * batch, tile.blocks(width), chunks](
        u, delta, A, B, C, D, bias, z, order, y, kept, length, tokens, width, batch, kept.shape[1], span,
        STATES=states, SOFTPLUS=softplus, **_form(z, order), **tile.arguments,
    )  # fmt: skip
    return y, kept


def backward(
    dy: Tensor, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor, z: Tensor, order: Tensor,
    tokens: int, softplus: bool, kept: Tensor,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Gradients of u, delta, A, B, C, D, bias and z, each of its tensor's type."""
    if not u.numel():
        return tuple(
            torch.zeros_like(t, memory_format=torch.contiguous_format) for t in (u, delta, A, B, C, D, bias, z)
        )
    (groups, batch, length, width), states = u.shape, A.shape[2]
    dy, u, delta, A, B, C, D, bias, z, order = (t.contiguous() for t in (dy, u, delta, A, B, C, D, bias, z, order))
    tile, span, chunks = _chunks(u)
    du, ddelta = torch.empty_like(u), torch.empty_like(delta)
    dB, dC = kept.new_empty(2, tile.blocks(width), groups, batch, length, states)
    dD, dbias = kept.new_empty(2, groups, batch * chunks, width)
    dz = kept.new_empty(groups, *z.shape)
    carry, dA = kept.new_zeros(2, 2, groups, batch * chunks, states, width)
    if chunks > 1:
        _carry(dy, delta, A, bias, C, z, order, tokens, carry[0], span, softplus, backward=True)
    scan_backward[groups * batch, tile.blocks(width), chunks](
        dy, u, delta, A, B, C, D, bias, z, order, kept, du, ddelta, dA, dB, dC, dD, dbias, dz, carry,
        length, tokens, width, batch, kept.shape[1], span,
        STATES=states, SOFTPLUS=softplus, **_form(z, order), **tile.arguments,
    )  # fmt: skip
    dA = dA[0].sum(1).transpose(1, 2).contiguous()
    constants = dA.to(A), dB.sum(0).to(B), dC.sum(0).to(C), dD.sum(1).to(D), dbias.sum(1).to(bias)
    return du, ddelta, *constants, dz.sum(0).to(z)


def _form(z: Tensor, order: Tensor) -> dict[str, Any]:
    return {"RESTORED": order.numel() > 0, "GATED": z.numel() > 0}


def _chunks(u: Tensor) -> tuple[Tile, int, int]:
    """The tile, tiles of a chunk, and chunks."""
    groups, batch, length, width = u.shape
    tile = Tile.of(length, width)
    span = tile.span(length, groups * batch * tile.blocks(width))
    return tile, span, -(-tile.count(length) // span)


def _carry(
    value: Tensor, delta: Tensor, A: Tensor, bias: Tensor, maps: Tensor, z: Tensor, order: Tensor, tokens: int, into: Tensor,
    span: int, softplus: bool, *, backward: bool,
) -> None:  # fmt: skip
    """Writes what comes into each chunk: forward into the row of its first tile, backward into a row a chunk."""
    (groups, batch, length, width), states = delta.shape, A.shape[2]
    panels = groups * batch
    tile, _, chunks = _chunks(delta)
    ends = torch.empty(panels, chunks, states, width, dtype=torch.float32, device=value.device)
    sums = ends.new_empty(panels, chunks, width)
    chunk_ends[panels, tile.blocks(width), chunks](
        value, delta, A, bias, maps, z, order, ends, sums, length, tokens, width, batch, span, BACKWARD=backward,
        STATES=states, ROWS=power_of_two(states), SOFTPLUS=softplus, **_form(z, order), **tile.arguments,
    )  # fmt: skip
    rows, stride = (chunks, 1) if backward else (into.shape[1], span)
    carry_chunks[panels, tile.blocks(width), states](
        ends, sums, A, into, width, batch, chunks, rows, stride,
        BACKWARD=backward, STATES=states, CHANNELS=tile.channels, num_warps=1,
    )  # fmt: skip
