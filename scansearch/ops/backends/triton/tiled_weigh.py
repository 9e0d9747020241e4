"""x times a weight a channel times a weight a token on the GPU: one pass forward, one backward."""

# mypy: ignore-errors

import triton
import triton.language as tl


@triton.jit
def weigh_forward(x, channel, token, out, length, width, STEPS: tl.constexpr, CHANNELS: tl.constexpr):
    """Out (panels, length, width)."""
    panel, block, tile = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    inside = channels < width
    step = tile * STEPS + tl.arange(0, STEPS)
    valid = step < length
    place = (panel * length + step)[:, None] * width + channels[None]
    mask = valid[:, None] & inside[None]
    of_channel = tl.load(channel + panel * width + channels, mask=inside, other=0.0).to(tl.float32)
    of_token = tl.load(token + panel * length + step, mask=valid, other=0.0).to(tl.float32)
    value = tl.load(x + place, mask=mask, other=0.0).to(tl.float32)
    tl.store(out + place, (value * of_channel[None] * of_token[:, None]).to(out.dtype.element_ty), mask=mask)


@triton.jit
def weigh_backward(
    dout, x, channel, token, dx, dchannel, dtoken, length, width, STEPS: tl.constexpr, CHANNELS: tl.constexpr
):
    """Dx, dchannel (panels, width), and dtoken (blocks, panels, length) in parts."""
    panel, block = tl.program_id(0).to(tl.int64), tl.program_id(1)
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    inside = channels < width
    of_channel = tl.load(channel + panel * width + channels, mask=inside, other=0.0).to(tl.float32)
    dtoken += (block * tl.num_programs(0) + panel) * length
    total = tl.zeros([CHANNELS], tl.float32)
    for tile in range(0, tl.cdiv(length, STEPS)):
        step = tile * STEPS + tl.arange(0, STEPS)
        valid = step < length
        place = (panel * length + step)[:, None] * width + channels[None]
        mask = valid[:, None] & inside[None]
        of_token = tl.load(token + panel * length + step, mask=valid, other=0.0).to(tl.float32)
        given = tl.load(dout + place, mask=mask, other=0.0).to(tl.float32)
        product = given * tl.load(x + place, mask=mask, other=0.0).to(tl.float32)
        found = given * of_channel[None] * of_token[:, None]
        tl.store(dx + place, found.to(dx.dtype.element_ty), mask=mask)
        tl.store(dtoken + step, tl.sum(product * of_channel[None], 1), mask=valid)
        total += tl.sum(product * of_token[:, None], 0)
    tl.store(dchannel + panel * width + channels, total.to(dchannel.dtype.element_ty), mask=inside)
