"""The mixture of weighed and normalised branches on the GPU: one pass over the branches forward, one backward.

The formulas are those of ``scansearch/ops/backends/cpu/weighed_mixture_kernels.py``. A program of the backward pass has one branch of
one sample, so that the gradient of its channels' weights stays in registers; those of a sample stand side by side, where the gradient
of the sum comes out of the cache.
"""

# mypy: ignore-errors

import triton
import triton.language as tl


@triton.jit
def _weighed(x, place, mask, of_channel, width):
    """Rows of x; the same times the weights of channels, without the mean; and the variance of that."""
    value = tl.load(x + place, mask=mask, other=0.0).to(tl.float32)
    product = value * of_channel[None]
    centred = tl.where(mask, product - (tl.sum(product, 1) / width)[:, None], 0.0)
    return value, centred, tl.sum(centred * centred, 1) / width


@triton.jit
def weighed_mixture_forward(
    x, channel, token, weights, out, groups, length, width, EPS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr
):  # fmt: skip
    """Out (batch, length, width). A program has some rows of a sample."""
    sample, batch = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    step, channels = tl.program_id(1) * ROWS + tl.arange(0, ROWS), tl.arange(0, CHANNELS)
    valid, inside = step < length, channels < width
    mask = valid[:, None] & inside[None]
    total = tl.zeros([ROWS, CHANNELS], tl.float32)
    for group in range(0, groups):
        panel = group * batch + sample
        of_channel = tl.load(channel + panel * width + channels, mask=inside, other=0.0).to(tl.float32)
        of_token = tl.load(token + panel * length + step, mask=valid, other=0.0).to(tl.float32)
        place = (panel * length + step)[:, None] * width + channels[None]
        _, centred, variance = _weighed(x, place, mask, of_channel, width)
        factor = tl.load(weights + group).to(tl.float32) * of_token * tl.rsqrt(of_token * of_token * variance + EPS)
        total += factor[:, None] * centred
    place = (sample * length + step)[:, None] * width + channels[None]
    tl.store(out + place, total.to(out.dtype.element_ty), mask=mask)


@triton.jit
def weighed_mixture_backward(
    dout, x, channel, token, weights, dx, dchannel, dtoken, dweights, groups, batch, length, width,
    EPS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, SPAN: tl.constexpr,
):  # fmt: skip
    """Dx, dtoken; dchannel (chunks, panels, width) and dweights (chunks, panels) in parts, a chunk SPAN tiles of rows."""
    group, sample = tl.program_id(0) % groups, (tl.program_id(0) // groups).to(tl.int64)
    panel, channels = group * batch + sample, tl.arange(0, CHANNELS)
    inside = channels < width
    of_channel = tl.load(channel + panel * width + channels, mask=inside, other=0.0).to(tl.float32)
    weight = tl.load(weights + group).to(tl.float32)
    of_channels, of_branch = tl.zeros([CHANNELS], tl.float32), tl.zeros([ROWS], tl.float32)
    for tile in range(0, SPAN):
        step = (tl.program_id(1) * SPAN + tile) * ROWS + tl.arange(0, ROWS)
        valid = step < length
        mask = valid[:, None] & inside[None]
        place = (panel * length + step)[:, None] * width + channels[None]
        value, centred, variance = _weighed(x, place, mask, of_channel, width)
        given = tl.load(dout + (sample * length + step)[:, None] * width + channels[None], mask=mask, other=0.0)
        given = given.to(tl.float32)
        given = tl.where(mask, given - (tl.sum(given, 1) / width)[:, None], 0.0)
        of_token = tl.load(token + panel * length + step, mask=valid, other=0.0).to(tl.float32)
        scale = tl.rsqrt(of_token * of_token * variance + EPS)
        both, along = scale * of_token, tl.sum(given * centred, 1)
        found = (weight * both)[:, None] * (given - centred * (both * both * along / width)[:, None])
        tl.store(dx + place, (found * of_channel[None]).to(dx.dtype.element_ty), mask=mask)
        slope = weight * EPS * scale * scale * scale * along
        tl.store(dtoken + panel * length + step, slope.to(dtoken.dtype.element_ty), mask=valid)
        of_channels += tl.sum(found * value, 0)
        of_branch += both * along
    part = tl.program_id(1) * tl.num_programs(0) + panel
    tl.store(dchannel + part * width + channels, of_channels, mask=inside)
    tl.store(dweights + part, tl.sum(of_branch, 0))
