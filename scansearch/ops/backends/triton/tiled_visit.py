"""Tokens in the order of a visit, convolved, and back into their places under a gate: on the GPU, without a permuted copy of the tokens."""

# mypy: ignore-errors

import triton
import triton.language as tl


@triton.jit
def _taps(x, order, weight, offset, positions, channels, inside, length, width, TAPS: tl.constexpr):
    """The convolution before SiLU at some positions."""
    total = tl.zeros([positions.shape[0], channels.shape[0]], tl.float32) + offset[None]
    for tap in tl.static_range(TAPS):
        at = positions - (TAPS - 1) + tap
        token = tl.load(order + at, mask=(at >= 0) & (at < length), other=-1)
        value = tl.load(
            x + token[:, None] * width + channels[None], mask=(token >= 0)[:, None] & inside[None], other=0.0
        )
        total += (
            value.to(tl.float32) * tl.load(weight + channels * TAPS + tap, mask=inside, other=0.0).to(tl.float32)[None]
        )
    return total


@triton.jit
def visit_forward(
    x, order, weight, bias, out, tokens, length, width, batch,
    TAPS: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """SiLU of the convolution: (groups * batch, length, width)."""
    panel, block, tile = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    group, sample = panel // batch, panel % batch
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    inside = channels < width
    positions = tile * STEPS + tl.arange(0, STEPS)
    offset = tl.load(bias + group * width + channels, mask=inside, other=0.0).to(tl.float32)
    weight += group * width * TAPS
    total = _taps(
        x + sample * tokens * width,
        order + group * length,
        weight,
        offset,
        positions,
        channels,
        inside,
        length,
        width,
        TAPS,
    )
    result = (total * tl.sigmoid(total)).to(out.dtype.element_ty)
    mask = (positions < length)[:, None] & inside[None]
    tl.store(out + (panel * length + positions[:, None]) * width + channels[None], result, mask=mask)


@triton.jit
def visit_backward(
    dout, x, order, weight, bias, before, dweight, dbias, tokens, length, width, batch,
    TAPS: tl.constexpr, ROWS: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """``before``: gradients before SiLU, float32; dweight (panels, ROWS, width), ROWS >= TAPS, and dbias (panels, width) in parts."""
    panel, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    group, sample = panel // batch, panel % batch
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    inside = channels < width
    offset = tl.load(bias + group * width + channels, mask=inside, other=0.0).to(tl.float32)
    x += sample * tokens * width
    order += group * length
    weight += group * width * TAPS
    row = tl.arange(0, ROWS)
    dtaps = tl.zeros([ROWS, CHANNELS], tl.float32)
    doffset = tl.zeros([CHANNELS], tl.float32)
    for tile in range(0, tl.cdiv(length, STEPS)):
        positions = tile * STEPS + tl.arange(0, STEPS)
        mask = (positions < length)[:, None] & inside[None]
        total = _taps(x, order, weight, offset, positions, channels, inside, length, width, TAPS)
        opened = tl.sigmoid(total)
        place = (panel * length + positions[:, None]) * width + channels[None]
        found = tl.load(dout + place, mask=mask, other=0.0).to(tl.float32) * opened * (1.0 + total * (1.0 - opened))
        tl.store(before + place, found, mask=mask)
        doffset += tl.sum(found, 0)
        for tap in tl.static_range(TAPS):
            at = positions - (TAPS - 1) + tap
            token = tl.load(order + at, mask=(at >= 0) & (at < length), other=-1)
            seen = (token >= 0)[:, None] & inside[None]
            value = tl.load(x + token[:, None] * width + channels[None], mask=seen, other=0.0).to(tl.float32)
            dtaps += tl.where((row == tap)[:, None], tl.sum(found * value, 0)[None], 0.0)
    tl.store(
        dweight + (panel * ROWS + row[:, None]) * width + channels[None],
        dtaps,
        mask=(row < TAPS)[:, None] & inside[None],
    )
    tl.store(dbias + panel * width + channels, doffset, mask=inside)


@triton.jit
def visit_tokens(
    before, inverse, weight, dx, groups, tokens, length, width, batch,
    TAPS: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Dx (batch, tokens, width): what every direction says of a token, at the positions whose convolution sees it."""
    sample, block, tile = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    inside = channels < width
    token = tile * STEPS + tl.arange(0, STEPS)
    valid = token < tokens
    total = tl.zeros([STEPS, CHANNELS], tl.float32)
    for group in range(0, groups):
        place = tl.load(inverse + group * tokens + token, mask=valid, other=0)
        panel = group * batch + sample
        for tap in tl.static_range(TAPS):
            at = place + (TAPS - 1) - tap
            mask = (valid & (at < length))[:, None] & inside[None]
            found = tl.load(before + (panel * length + at[:, None]) * width + channels[None], mask=mask, other=0.0)
            total += (
                found
                * tl.load(weight + (group * width + channels) * TAPS + tap, mask=inside, other=0.0).to(tl.float32)[None]
            )
    mask = valid[:, None] & inside[None]
    place = (sample * tokens + token[:, None]) * width + channels[None]
    tl.store(dx + place, total.to(dx.dtype.element_ty), mask=mask)


@triton.jit
def gate_forward(y, z, inverse, out, tokens, length, width, batch, STEPS: tl.constexpr, CHANNELS: tl.constexpr):
    """Out (panels, tokens, width): what stands at a token's position, times SiLU of its gate."""
    panel, block, tile = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    group, sample = panel // batch, panel % batch
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    token = tile * STEPS + tl.arange(0, STEPS)
    valid = token < tokens
    mask = valid[:, None] & (channels < width)[None]
    position = tl.load(inverse + group * tokens + token, mask=valid, other=0)
    value = tl.load(y + (panel * length + position[:, None]) * width + channels[None], mask=mask, other=0.0).to(
        tl.float32
    )
    gate = tl.load(z + (sample * tokens + token[:, None]) * width + channels[None], mask=mask, other=0.0).to(tl.float32)
    result = (value * gate * tl.sigmoid(gate)).to(out.dtype.element_ty)
    tl.store(out + (panel * tokens + token[:, None]) * width + channels[None], result, mask=mask)


@triton.jit
def gate_backward_y(dout, z, order, dy, tokens, length, width, batch, STEPS: tl.constexpr, CHANNELS: tl.constexpr):
    """Dy (panels, length, width): 0 where no token stands."""
    panel, block, tile = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    group, sample = panel // batch, panel % batch
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    position = tile * STEPS + tl.arange(0, STEPS)
    inside = (position < length)[:, None] & (channels < width)[None]
    token = tl.load(order + group * length + position, mask=position < length, other=-1)
    mask = inside & (token >= 0)[:, None]
    given = tl.load(dout + (panel * tokens + token[:, None]) * width + channels[None], mask=mask, other=0.0).to(
        tl.float32
    )
    gate = tl.load(z + (sample * tokens + token[:, None]) * width + channels[None], mask=mask, other=0.0).to(tl.float32)
    result = (given * gate * tl.sigmoid(gate)).to(dy.dtype.element_ty)
    tl.store(dy + (panel * length + position[:, None]) * width + channels[None], result, mask=inside)


@triton.jit
def gate_backward_z(
    dout, y, z, inverse, dz, groups, tokens, length, width, batch, STEPS: tl.constexpr, CHANNELS: tl.constexpr
):
    """Dz (batch, tokens, width), summed over the directions."""
    sample, block, tile = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    token = tile * STEPS + tl.arange(0, STEPS)
    valid = token < tokens
    mask = valid[:, None] & (channels < width)[None]
    total = tl.zeros([STEPS, CHANNELS], tl.float32)
    for group in range(0, groups):
        panel = group * batch + sample
        position = tl.load(inverse + group * tokens + token, mask=valid, other=0)
        value = tl.load(y + (panel * length + position[:, None]) * width + channels[None], mask=mask, other=0.0).to(
            tl.float32
        )
        given = tl.load(dout + (panel * tokens + token[:, None]) * width + channels[None], mask=mask, other=0.0).to(
            tl.float32
        )
        total += value * given
    place = (sample * tokens + token[:, None]) * width + channels[None]
    gate = tl.load(z + place, mask=mask, other=0.0).to(tl.float32)
    opened = tl.sigmoid(gate)
    result = (total * opened * (1.0 + gate * (1.0 - opened))).to(dz.dtype.element_ty)
    tl.store(dz + place, result, mask=mask)
