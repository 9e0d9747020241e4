"""The scan in tiles of steps and channels, on the GPU: a tile's recurrence is an associative scan, state by state.

With a_t = exp(delta'_t A) and x_t = delta'_t B_t u_t, h_t = a_t h_(t-1) + x_t; maps x -> a x + b compose, so a tile is scanned as
a whole (Blelloch 1990; Gu and Dao, arXiv 2312.00752, section 3.3.2). What a tile hands on lies in memory, a row a state: only the
program that wrote it reads it. A program goes through a chunk of ``span`` tiles: all of them, or ``tiled_chunks`` found what comes
into it. The backward pass computes a tile's a_t h_(t-1) = a_t (a_(t-1) h_(t-2) + x_(t-1)) from the state before it; its own
recurrence, g_t = C_t dy_t + a_(t+1) g_(t+1), runs the other way. So it takes two exponentials a state: of a_t and of a_(t+1). Sums
over samples and blocks of channels are left to the caller, in parts: atomic additions would come in another order every time.

``RESTORED``: y is written where its token stands, by the order table, and dy is read there; ``GATED``: times SiLU of the token's z. Then
nothing keeps y: the backward pass has it as a sum over states that it knows anyway.
"""

# mypy: ignore-errors

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
STEEP = tl.constexpr(20.0)


@triton.jit
def _compose(a, x, b, y):
    return a * b, b * x + y


@triton.jit
def _softplus(raw):
    """log(1 + e^raw); of a small power all digits, by Kahan's quotient, for Triton has no log1p everywhere."""
    power = tl.exp(tl.minimum(raw, STEEP))
    whole = 1.0 + power
    lost = whole - 1.0
    return tl.where(
        raw > STEEP, raw, tl.where(lost == 0.0, power, tl.log(whole) * power / tl.where(lost == 0.0, 1.0, lost))
    )


@triton.jit
def _steps(delta, bias, rows, channels, mask, width, SOFTPLUS: tl.constexpr):
    """Step sizes of a tile before and after softplus; 0 where there is no step, so that a state stays as it is."""
    raw = tl.load(delta + rows[:, None] * width + channels[None], mask=mask, other=0.0).to(tl.float32) + bias[None]
    step = _softplus(raw) if SOFTPLUS else raw
    return raw, tl.where(mask, step, 0.0)


@triton.jit
def _tokens(order, rows, valid, RESTORED: tl.constexpr):
    """Where the results of steps stand; -1: nowhere."""
    return tl.load(order + rows, mask=valid, other=-1) if RESTORED else tl.where(valid, rows, -1).to(tl.int64)


@triton.jit
def scan_forward(
    u, delta, A, B, C, D, bias, z, order, y, kept, length, tokens, width, batch, tiles, span, RESTORED: tl.constexpr,
    GATED: tl.constexpr, STATES: tl.constexpr, SOFTPLUS: tl.constexpr, STEPS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """y, and the state before every tile: ``kept`` (panels, tiles, STATES, width), where those before chunks are there already."""
    panel, block, chunk = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    group = panel // batch
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    inside = channels < width
    step = tl.arange(0, STEPS)
    u += panel * length * width
    delta += panel * length * width
    y += panel * tokens * width
    z += (panel % batch) * tokens * width
    order += group * length
    B += panel * length * STATES
    C += panel * length * STATES
    A += group * width * STATES
    kept += panel * tiles * STATES * width
    skip = tl.load(D + group * width + channels, mask=inside, other=0.0).to(tl.float32)
    offset = tl.load(bias + group * width + channels, mask=inside, other=0.0).to(tl.float32)
    end = tl.minimum(tiles, (chunk + 1) * span)
    for tile in range(chunk * span, end):
        rows = tile * STEPS + step
        valid = rows < length
        mask = valid[:, None] & inside[None]
        last = ((step == STEPS - 1) & (rows + 1 < end * STEPS))[:, None] & inside[None]
        value = tl.load(u + rows[:, None] * width + channels[None], mask=mask, other=0.0).to(tl.float32)
        _, size = _steps(delta, offset, rows, channels, mask, width, SOFTPLUS)
        inflow = size * value
        result = skip[None] * value
        for state in range(0, STATES):
            rate = tl.load(A + channels * STATES + state, mask=inside, other=0.0).to(tl.float32) * LOG2_E
            into = tl.load(B + rows * STATES + state, mask=valid, other=0.0).to(tl.float32)
            out = tl.load(C + rows * STATES + state, mask=valid, other=0.0).to(tl.float32)
            total, h = tl.associative_scan((tl.exp2(size * rate[None]), inflow * into[:, None]), 0, _compose)
            place = kept + (tile * STATES + state) * width + channels
            h += total * tl.load(place, mask=inside, other=0.0)[None]
            result += h * out[:, None]
            after = place + STATES * width
            tl.store(after[None] + 0 * step[:, None], h, mask=last)
        token = _tokens(order, rows, valid, RESTORED)
        shown = (token >= 0)[:, None] & inside[None]
        if GATED:
            gate = tl.load(z + token[:, None] * width + channels[None], mask=shown, other=0.0).to(tl.float32)
            result *= gate * tl.sigmoid(gate)
        tl.store(y + token[:, None] * width + channels[None], result.to(y.dtype.element_ty), mask=shown)
        tl.debug_barrier()


@triton.jit
def scan_backward(
    dy, u, delta, A, B, C, D, bias, z, order, kept, du, ddelta, dA, dB, dC, dD, dbias, dz, carry, length, tokens, width, batch, tiles,
    span, RESTORED: tl.constexpr, GATED: tl.constexpr, STATES: tl.constexpr, SOFTPLUS: tl.constexpr, STEPS: tl.constexpr,
    CHANNELS: tl.constexpr,
):  # fmt: skip
    """All gradients, in parts: dD, dbias (panels, chunks, width), dB, dC (blocks, panels, length, STATES), dz (panels, tokens, width).

    What goes from tile to tile, ``carry`` and dA, is (2, panels, chunks, STATES, width), read from one half and written to the other:
    in one place, a thread could read what another has just written. ``carry`` begins in the first half, and dA ends there.
    """
    panel, block, chunk = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    group = panel // batch
    channels = block * CHANNELS + tl.arange(0, CHANNELS)
    inside = channels < width
    step = tl.arange(0, STEPS)
    first = (step == 0)[:, None] & inside[None]
    for_panel = panel * length * width
    u += for_panel
    delta += for_panel
    dy += panel * tokens * width
    dz += panel * tokens * width
    z += (panel % batch) * tokens * width
    order += group * length
    du += for_panel
    ddelta += for_panel
    B += panel * length * STATES
    C += panel * length * STATES
    dB += (block * tl.num_programs(0) + panel) * length * STATES
    dC += (block * tl.num_programs(0) + panel) * length * STATES
    A += group * width * STATES
    kept += panel * tiles * STATES * width
    part = panel * tl.num_programs(2) + chunk
    dA += part * STATES * width
    carry += part * STATES * width
    half = tl.num_programs(0).to(tl.int64) * tl.num_programs(2) * STATES * width
    skip = tl.load(D + group * width + channels, mask=inside, other=0.0).to(tl.float32)
    offset = tl.load(bias + group * width + channels, mask=inside, other=0.0).to(tl.float32)
    dskip = tl.zeros([CHANNELS], tl.float32)
    doffset = tl.zeros([CHANNELS], tl.float32)
    end = tl.minimum(tiles, (chunk + 1) * span)
    count = end - chunk * span
    for back in range(0, count):
        tile = end - 1 - back
        rows = tile * STEPS + step
        valid = rows < length
        mask = valid[:, None] & inside[None]
        value = tl.load(u + rows[:, None] * width + channels[None], mask=mask, other=0.0).to(tl.float32)
        token = _tokens(order, rows, valid, RESTORED)
        place = token[:, None] * width + channels[None]
        shown = (token >= 0)[:, None] & inside[None]
        given = tl.load(dy + place, mask=shown, other=0.0).to(tl.float32)
        if GATED:
            gate = tl.load(z + place, mask=shown, other=0.0).to(tl.float32)
            given *= gate * tl.sigmoid(gate)
            result = skip[None] * value
        raw, size = _steps(delta, offset, rows, channels, mask, width, SOFTPLUS)
        earlier = mask & (step > 0)[:, None]
        _, size_before = _steps(delta, offset, rows - 1, channels, earlier, width, SOFTPLUS)
        value_before = tl.load(u + (rows - 1)[:, None] * width + channels[None], mask=earlier, other=0.0).to(tl.float32)
        inflow_before = size_before * value_before
        later = ((step + 1 < STEPS) & (rows + 1 < length))[:, None] & inside[None]
        _, size_after = _steps(delta, offset, rows + 1, channels, later, width, SOFTPLUS)
        inflow = size * value
        dvalue = skip[None] * given
        dsize = tl.zeros([STEPS, CHANNELS], tl.float32)
        dskip += tl.sum(given * value, 0)
        for state in range(0, STATES):
            rate = tl.load(A + channels * STATES + state, mask=inside, other=0.0).to(tl.float32)
            into = tl.load(B + rows * STATES + state, mask=valid, other=0.0).to(tl.float32)
            out = tl.load(C + rows * STATES + state, mask=valid, other=0.0).to(tl.float32)
            power = rate[None] * LOG2_E
            decay = tl.exp2(size * power)
            into_before = tl.load(B + (rows - 1) * STATES + state, mask=valid & (step > 0), other=0.0).to(tl.float32)
            total, left = tl.associative_scan((decay, decay * inflow_before * into_before[:, None]), 0, _compose)
            left += total * tl.load(kept + (tile * STATES + state) * width + channels, mask=inside, other=0.0)[None]
            total, g = tl.associative_scan(
                (tl.exp2(size_after * power), given * out[:, None]), 0, _compose, reverse=True
            )
            here = (back % 2) * half + state * width + channels
            there = ((back + 1) % 2) * half + state * width + channels
            g += total * tl.load(carry + here, mask=inside, other=0.0)[None]
            tl.store(carry + there[None] + 0 * step[:, None], decay * g, mask=first)
            exponent = g * left
            through = g * into[:, None]
            dvalue += through * size
            dsize += exponent * rate[None] + through * value
            before = ((count - back) % 2) * half + state * width + channels
            beyond = ((count - back + 1) % 2) * half + state * width + channels
            so_far = tl.load(dA + before, mask=inside, other=0.0)
            tl.store(dA + beyond, so_far + tl.sum(exponent * size, 0), mask=inside)
            tl.store(dB + rows * STATES + state, tl.sum(tl.where(mask, g * inflow, 0.0), 1), mask=valid)
            h = left + inflow * into[:, None]
            if GATED:
                result += h * out[:, None]
            tl.store(dC + rows * STATES + state, tl.sum(tl.where(mask, given * h, 0.0), 1), mask=valid)
        if GATED:  # z and dy are read again, rather than held in registers over all states
            gate = tl.load(z + place, mask=shown, other=0.0).to(tl.float32)
            opened = tl.sigmoid(gate)
            slope = tl.load(dy + place, mask=shown, other=0.0).to(tl.float32) * opened * (1.0 + gate * (1.0 - opened))
            tl.store(dz + place, result * slope, mask=shown)
        if SOFTPLUS:
            dsize *= tl.sigmoid(raw)
        dsize = tl.where(mask, dsize, 0.0)
        doffset += tl.sum(dsize, 0)
        tl.store(du + rows[:, None] * width + channels[None], dvalue.to(du.dtype.element_ty), mask=mask)
        tl.store(ddelta + rows[:, None] * width + channels[None], dsize.to(ddelta.dtype.element_ty), mask=mask)
        tl.debug_barrier()
    tl.store(dD + part * width + channels, dskip, mask=inside)
    tl.store(dbias + part * width + channels, doffset, mask=inside)
