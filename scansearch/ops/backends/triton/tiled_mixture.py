"""The mixture of normalised branches on the GPU: one pass over the branches forward, one backward."""

# mypy: ignore-errors

import triton
import triton.language as tl


@triton.jit
def _normalised(branches, place, mask, width, EPS: tl.constexpr):
    """Rows, each without its mean and divided by its deviation, and that of each."""
    value = tl.load(branches + place, mask=mask, other=0.0).to(tl.float32)
    centred = tl.where(mask, value - (tl.sum(value, 1) / width)[:, None], 0.0)
    scale = tl.rsqrt(tl.sum(centred * centred, 1) / width + EPS)
    return centred * scale[:, None], scale


@triton.jit
def mixture_forward(
    branches, weights, out, groups, rows, width, EPS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr
):
    """Out (rows, width): the weighted sum over the groups of (groups, rows, width)."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    channels = tl.arange(0, CHANNELS)
    mask = (row < rows)[:, None] & (channels < width)[None]
    total = tl.zeros([ROWS, CHANNELS], tl.float32)
    for group in range(0, groups):
        place = (group * rows + row)[:, None] * width + channels[None]
        normed, _ = _normalised(branches, place, mask, width, EPS)
        total += tl.load(weights + group).to(tl.float32) * normed
    tl.store(out + row[:, None] * width + channels[None], total.to(out.dtype.element_ty), mask=mask)


@triton.jit
def mixture_backward(
    dout, branches, weights, dbranches, dweights, groups, rows, width,
    EPS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """dbranches, and dweights (groups, programs) in parts."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    channels = tl.arange(0, CHANNELS)
    mask = (row < rows)[:, None] & (channels < width)[None]
    given = tl.load(dout + row[:, None] * width + channels[None], mask=mask, other=0.0).to(tl.float32)
    centred = tl.where(mask, given - (tl.sum(given, 1) / width)[:, None], 0.0)
    for group in range(0, groups):
        place = (group * rows + row)[:, None] * width + channels[None]
        normed, scale = _normalised(branches, place, mask, width, EPS)
        along = tl.sum(given * normed, 1)
        found = tl.load(weights + group).to(tl.float32) * scale[:, None] * (centred - normed * (along / width)[:, None])
        tl.store(dbranches + place, found.to(dbranches.dtype.element_ty), mask=mask)
        tl.store(dweights + group * tl.num_programs(0) + tl.program_id(0), tl.sum(along, 0))
