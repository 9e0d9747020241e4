"""What SCAttn reads off a branch, on the GPU: the normalised tokens' mean and their short linear map, and the way back.

With n = (x - mean) * scale of one token's channels, W (R, D) the map, and g what reaches x from elsewhere::

    pooled = sum_l n_l / L          reduced_l = W n_l
    dn_l = dpooled / L + W^T dreduced_l          dW = sum_l dreduced_l n_l
    dx_l = g_l + (dn_l - mean(dn_l) - n_l mean(dn_l n_l)) * scale

Two kernels go along the tokens, whatever panel they are of, and keep mean and scale; two go along the channels, where sums over
tokens stay in registers. Products are of float32 proper, not of TensorFloat-32.
"""

# mypy: ignore-errors

import triton
import triton.language as tl


@triton.jit
def _centred(x, row, channels, mean, valid, width):
    """Tokens of some channels without their mean; 0 outside."""
    mask = valid[:, None] & (channels < width)[None]
    value = tl.load(x + row[:, None] * width + channels[None], mask=mask, other=0.0).to(tl.float32)
    return tl.where(mask, value - mean[:, None], 0.0)


@triton.jit
def reduce_forward(
    x, weight, moments, reduced, rows, width, maps,
    EPS: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr, MAPS: tl.constexpr,
):  # fmt: skip
    """Moments (2, rows): mean and scale; reduced (rows, maps)."""
    row = tl.program_id(0).to(tl.int64) * STEPS + tl.arange(0, STEPS)
    valid = row < rows
    number = tl.arange(0, MAPS)
    mean = tl.zeros([STEPS], tl.float32)
    for first in range(0, width, CHANNELS):
        mean += tl.sum(_centred(x, row, first + tl.arange(0, CHANNELS), 0.0 * mean, valid, width), 1)
    mean = mean / width
    square = tl.zeros([STEPS], tl.float32)
    for first in range(0, width, CHANNELS):
        centred = _centred(x, row, first + tl.arange(0, CHANNELS), mean, valid, width)
        square += tl.sum(centred * centred, 1)
    scale = tl.rsqrt(square / width + EPS)
    result = tl.zeros([STEPS, MAPS], tl.float32)
    for first in range(0, width, CHANNELS):
        channels = first + tl.arange(0, CHANNELS)
        normed = _centred(x, row, channels, mean, valid, width) * scale[:, None]
        known = (channels < width)[:, None] & (number < maps)[None]
        map_ = tl.load(weight + number[None] * width + channels[:, None], mask=known, other=0.0).to(tl.float32)
        result += tl.dot(normed, map_, input_precision="ieee")
    tl.store(moments + row, mean, mask=valid)
    tl.store(moments + rows + row, scale, mask=valid)
    place = row[:, None] * maps + number[None]
    tl.store(reduced + place, result.to(reduced.dtype.element_ty), mask=valid[:, None] & (number < maps)[None])


@triton.jit
def pool_forward(x, moments, pooled, rows, length, width, STEPS: tl.constexpr, CHANNELS: tl.constexpr):
    """Pooled (panels, width)."""
    panel, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    total = tl.zeros([CHANNELS], tl.float32)
    for first in range(0, length, STEPS):
        step = first + tl.arange(0, STEPS)
        row, valid = panel * length + step, step < length
        mean = tl.load(moments + row, mask=valid, other=0.0)
        scale = tl.load(moments + rows + row, mask=valid, other=0.0)
        total += tl.sum(_centred(x, row, channels, mean, valid, width) * scale[:, None], 0)
    tl.store(pooled + panel * width + channels, (total / length).to(pooled.dtype.element_ty), mask=channels < width)


@triton.jit
def _slope(dpooled, dreduced, weight, row, channels, valid, length, width, maps, MAPS: tl.constexpr):
    """The gradient of n at some channels, taking MAPS rows of the map at a time."""
    inside = channels < width
    place = (row // length)[:, None] * width + channels[None]
    total = tl.load(dpooled + place, mask=valid[:, None] & inside[None], other=0.0).to(tl.float32) / length
    for first in range(0, maps, MAPS):
        number = first + tl.arange(0, MAPS)
        known = number < maps
        mapped = row[:, None] * maps + number[None]
        given = tl.load(dreduced + mapped, mask=valid[:, None] & known[None], other=0.0).to(tl.float32)
        weights = number[:, None] * width + channels[None]
        map_ = tl.load(weight + weights, mask=known[:, None] & inside[None], other=0.0).to(tl.float32)
        total += tl.dot(given, map_, input_precision="ieee")
    return total


@triton.jit
def reduce_backward(
    elsewhere, dpooled, dreduced, x, weight, moments, dx, rows, length, width, maps,
    ADD: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr, MAPS: tl.constexpr,
):  # fmt: skip
    """Dx (rows, width), with ``elsewhere`` if ADD."""
    row = tl.program_id(0).to(tl.int64) * STEPS + tl.arange(0, STEPS)
    valid = row < rows
    mean = tl.load(moments + row, mask=valid, other=0.0)
    scale = tl.load(moments + rows + row, mask=valid, other=0.0)
    total = tl.zeros([STEPS], tl.float32)
    along = tl.zeros([STEPS], tl.float32)
    for first in range(0, width, CHANNELS):
        channels = first + tl.arange(0, CHANNELS)
        slope = _slope(dpooled, dreduced, weight, row, channels, valid, length, width, maps, MAPS)
        total += tl.sum(slope, 1)
        along += tl.sum(slope * _centred(x, row, channels, mean, valid, width) * scale[:, None], 1)
    for first in range(0, width, CHANNELS):
        channels = first + tl.arange(0, CHANNELS)
        mask = valid[:, None] & (channels < width)[None]
        normed = _centred(x, row, channels, mean, valid, width) * scale[:, None]
        slope = _slope(dpooled, dreduced, weight, row, channels, valid, length, width, maps, MAPS)
        found = (slope - (total / width)[:, None] - normed * (along / width)[:, None]) * scale[:, None]
        place = row[:, None] * width + channels[None]
        if ADD:
            found += tl.load(elsewhere + place, mask=mask, other=0.0).to(tl.float32)
        tl.store(dx + place, found.to(dx.dtype.element_ty), mask=mask)


@triton.jit
def map_backward(
    dreduced, x, moments, dweight, rows, span, width, maps,
    STEPS: tl.constexpr, CHANNELS: tl.constexpr, MAPS: tl.constexpr,
):  # fmt: skip
    """Dweight (programs, maps, width) in parts, a part ``span`` tiles of rows."""
    part, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    channels, number = block * CHANNELS + tl.arange(0, CHANNELS), tl.arange(0, MAPS)
    total = tl.zeros([MAPS, CHANNELS], tl.float32)
    for tile in range(0, span):
        row = (part * span + tile) * STEPS + tl.arange(0, STEPS)
        valid = row < rows
        mean = tl.load(moments + row, mask=valid, other=0.0)
        scale = tl.load(moments + rows + row, mask=valid, other=0.0)
        normed = _centred(x, row, channels, mean, valid, width) * scale[:, None]
        known = (number < maps)[:, None] & valid[None]
        given = tl.load(dreduced + row[None] * maps + number[:, None], mask=known, other=0.0).to(tl.float32)
        total += tl.dot(given, normed, input_precision="ieee")
    place = (part * maps + number)[:, None] * width + channels[None]
    tl.store(dweight + place, total, mask=(number < maps)[:, None] & (channels < width)[None])
