"""The selective scan, backward: a chunk's states are recomputed from the state kept before it, then time runs back.

With h the states, a = exp(delta A) the decays and v the gradient that reaches a state (Mamba, arXiv 2312.00752, eq. 2)::

    v_t = C_t dy_t + a_(t+1) v_(t+1)           dC_t = sum_d dy_t h_t       dB_t = sum_d delta_t u_t v_t
    w_t = v_t a_t h_(t-1)                      dA  += delta_t w_t          du_t = delta_t sum_n v_t B_t + D dy_t
    ddelta_t = sum_n w_t A + u_t sum_n v_t B_t

A task is one panel, that is one group of one sample: sums over channels stay inside it, and sums over samples are left to
the caller, one term a panel. No two tasks write to the same place.
"""

from __future__ import annotations

import numpy as np

from scansearch.ops.backends.cpu.kernel import Kernel
from scansearch.ops.backends.cpu.machine import flush_denormals, restore_denormals, take_ticket
from scansearch.ops.backends.cpu.panel import compiled, inlined, panel_of, row_of, sizes_of
from scansearch.ops.backends.cpu.scan_forward import CHUNK, step_size
from scansearch.ops.backends.cpu.simd import (
    STATES,
    add,
    add_sums,
    fill,
    fma,
    fma_states,
    lanes_at,
    load,
    load_scalar,
    load_spread,
    load_wide,
    memory_like,
    multiply,
    spread,
    store,
    store_scalar,
    sum_lanes,
)
from scansearch.ops.backends.cpu.vector_math import LN_2, exp2, sigmoid


@inlined
def _recompute(steps, n, a_row, b_row, b, h, delta, drive, states, decays):
    """States before each step of the chunk, and decays, of STATES states; returns the state after the chunk."""
    lanes = lanes_at(states)
    a = load_wide(a_row, n * lanes)
    for i in range(steps):
        store(states, i * STATES * lanes, h)
        decay = exp2(multiply(spread(load(delta, i * lanes)), a))
        store(decays, i * STATES * lanes, decay)
        inflow = multiply(spread(load(drive, i * lanes)), load_spread(b_row, i * b.step + n * b.lane, b.lane))
        h = fma(decay, h, inflow)
    return h


@inlined
def _retreat(
    steps,
    n,
    stride,
    a_row,
    b_row,
    b,
    c_row,
    c,
    h,
    delta,
    drive,
    dy,
    states,
    decays,
    dstate,
    da,
    dinput,
    dexponent,
    sums,
):
    """Runs STATES states back over the chunk; adds to dA, to a step's two sums over states, and to dB and dC."""
    lanes = lanes_at(states)
    a, g, dan = load_wide(a_row, n * lanes), load_wide(dstate, n * lanes), load_wide(da, n * lanes)
    for i in range(steps - 1, -1, -1):
        gy, x = spread(load(dy, i * lanes)), spread(load(drive, i * lanes))
        v = fma(gy, load_spread(c_row, i * c.step + n * c.lane, c.lane), g)
        add_sums(sums, i * stride + 2 * n, sum_lanes(multiply(v, x), multiply(gy, h)))
        b_spread = load_spread(b_row, i * b.step + n * b.lane, b.lane)
        store(dinput, i * lanes, fma_states(v, b_spread, load(dinput, i * lanes)))
        h = load_wide(states, i * STATES * lanes)
        g = multiply(v, load_wide(decays, i * STATES * lanes))
        w = multiply(g, h)
        store(dexponent, i * lanes, fma_states(w, a, load(dexponent, i * lanes)))
        dan = fma(w, spread(load(delta, i * lanes)), dan)
    store(dstate, n * lanes, g)
    store(da, n * lanes, dan)


@inlined
def _open_chunk(
    steps, start, softplus, bias, u_row, u, raw_row, raw, dout_row, dout, delta, drive, slope, dy, dinput, dexponent
):
    """Step sizes of a chunk, what they drive and the gradient that comes in; its sums over states begin at 0."""
    lanes = lanes_at(delta)
    for i in range(steps):
        t = start + i
        argument = add(load(raw_row, t * raw.step), bias)
        d = step_size(argument, softplus)
        store(delta, i * lanes, d)
        store(drive, i * lanes, multiply(d, load(u_row, t * u.step)))
        store(dy, i * lanes, load(dout_row, t * dout.step))
        if softplus != 0:
            store(slope, i * lanes, sigmoid(argument))
        else:
            store(slope, i * lanes, fill(slope, 1.0))
        store(dinput, i * lanes, fill(dinput, 0.0))
        store(dexponent, i * lanes, fill(dexponent, 0.0))


@inlined
def _close_chunk(
    steps, start, skip, dskip, dbias, u_row, u, du_row, du, draw_row, draw, delta, slope, dy, dinput, dexponent
):  # fmt: skip
    """Du and the gradient of the raw step sizes of a chunk; returns what D and the bias have gathered so far."""
    lanes, ln_2 = lanes_at(delta), fill(delta, LN_2)
    for i in range(steps):
        t = start + i
        gy, x, s = load(dy, i * lanes), load(u_row, t * u.step), load(dinput, i * lanes)
        store(du_row, t * du.step, fma(s, load(delta, i * lanes), multiply(skip, gy)))
        ddelta = fma(load(dexponent, i * lanes), ln_2, multiply(s, x))
        ddelta = multiply(ddelta, load(slope, i * lanes))
        store(draw_row, t * draw.step, ddelta)
        dskip, dbias = fma(gy, x, dskip), add(dbias, ddelta)
    return dskip, dbias


@compiled
def _block(values, group, batch, block, delta):
    """One block of channels of one panel, over all steps."""
    sizes, lanes = sizes_of(values), lanes_at(values)
    u, raw, dout, b, c = (
        panel_of(values, 0),
        panel_of(values, 1),
        panel_of(values, 2),
        panel_of(values, 3),
        panel_of(values, 4),
    )
    kept, du, draw = panel_of(values, 7), panel_of(values, 8), panel_of(values, 9)
    row = 4 * lanes
    tile = CHUNK * row
    drive, slope, dy, dinput = delta + tile, delta + 2 * tile, delta + 3 * tile, delta + 4 * tile
    dexponent, states, decays = delta + 5 * tile, delta + 6 * tile, delta + (6 + STATES) * tile
    dstate = delta + (6 + 2 * STATES) * tile
    da = dstate + sizes.states * row
    sums = da + sizes.states * row
    first, panel, stride = block * lanes, group * sizes.batch + batch, 2 * sizes.states
    u_row, raw_row, dout_row = (
        row_of(u, group, batch, first),
        row_of(raw, group, batch, first),
        row_of(dout, group, batch, first),
    )
    du_row, draw_row = row_of(du, group, batch, first), row_of(draw, group, batch, first)
    a_row = row_of(panel_of(values, 5), group, block, 0)
    constants = row_of(panel_of(values, 6), group, block, 0)
    kept_row = row_of(kept, panel, block, 0)
    skip, bias = load(constants, 0), load(constants, lanes)
    dskip, dbias = fill(values, 0.0), fill(values, 0.0)
    for n in range(sizes.states):
        store(dstate, n * lanes, fill(values, 0.0))
        store(da, n * lanes, fill(values, 0.0))
    chunks = (sizes.length + CHUNK - 1) // CHUNK
    for chunk in range(chunks - 1, -1, -1):
        start = chunk * CHUNK
        steps = min(CHUNK, sizes.length - start)
        _open_chunk(
            steps, start, sizes.softplus, bias, u_row, u, raw_row, raw, dout_row, dout, delta, drive, slope, dy, dinput, dexponent
        )  # fmt: skip
        b_row = row_of(b, group, batch, 0) + 4 * start * b.step
        c_row = row_of(c, group, batch, 0) + 4 * start * c.step
        chunk_sums = sums + 4 * start * stride
        for n in range(0, sizes.states, STATES):
            h = spread(fill(values, 0.0))
            if chunk > 0:
                h = load_wide(kept_row, (chunk - 1) * kept.step + n * lanes)
            h = _recompute(steps, n, a_row, b_row, b, h, delta, drive, states, decays)
            _retreat(
                steps, n, stride, a_row, b_row, b, c_row, c, h, delta, drive, dy, states, decays,
                dstate, da, dinput, dexponent, chunk_sums,
            )  # fmt: skip
        dskip, dbias = _close_chunk(
            steps, start, skip, dskip, dbias, u_row, u, du_row, du, draw_row, draw, delta, slope, dy, dinput, dexponent
        )  # fmt: skip
    da_row = row_of(panel_of(values, 12), panel, block, 0)
    for n in range(sizes.states):
        store(da_row, n * lanes, load(da, n * lanes))
    dconstants = row_of(panel_of(values, 13), panel, block, 0)
    store(dconstants, 0, dskip)
    store(dconstants, lanes, dbias)


@compiled
def _panel(values, group, batch, scratch):
    """All channels of one panel; then dB and dC, whose sums over channels are complete."""
    sizes = sizes_of(values)
    stride, row = 2 * sizes.states, 4 * lanes_at(values)
    sums = scratch + (6 + 2 * STATES) * CHUNK * row + 2 * sizes.states * row
    for k in range(sizes.length * stride):
        store_scalar(sums, k, 0.0)
    for block in range(sizes.blocks):
        _block(values, group, batch, block, scratch)
    db, dc = panel_of(values, 10), panel_of(values, 11)
    db_row, dc_row = row_of(db, group, batch, 0), row_of(dc, group, batch, 0)
    for t in range(sizes.length):
        for n in range(sizes.states):
            k = t * stride + n // STATES * 2 * STATES + n % STATES
            store_scalar(db_row, t * db.step + n * db.lane, load_scalar(sums, k))
            store_scalar(dc_row, t * dc.step + n * dc.lane, load_scalar(sums, k + STATES))


@compiled
def _run(values, scratch):
    sizes = sizes_of(values)
    task = take_ticket(values)
    while task < sizes.groups * sizes.batch:
        _panel(values, task // sizes.batch, task % sizes.batch, scratch)
        task = take_ticket(values)


def _scan_backward(values):
    before = flush_denormals()
    sizes = sizes_of(values)
    rows = (6 + 2 * STATES) * CHUNK + 2 * sizes.states
    memory = np.empty(rows * lanes_at(values) + 2 * sizes.length * sizes.states, np.float32)
    _run(values, memory_like(values, memory.ctypes.data))
    memory[0] = 0.0  # a last use: numba frees an array after it, and an address does not count
    restore_denormals(before)


scan_backward = Kernel(_scan_backward)
