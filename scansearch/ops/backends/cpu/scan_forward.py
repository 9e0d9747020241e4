"""The selective scan, forward: lanes are channels, so that nothing is summed across a vector.

Order of the loops: block of channels, one a lane; chunk of CHUNK steps; STATES states; step. The state stays in registers
while time runs; a chunk's step sizes, inputs and sums stay in the first-level cache.
"""

from __future__ import annotations

import numpy as np

from scansearch.ops.backends.cpu.kernel import Kernel
from scansearch.ops.backends.cpu.machine import flush_denormals, restore_denormals, take_ticket
from scansearch.ops.backends.cpu.panel import compiled, inlined, panel_of, row_of, sizes_of
from scansearch.ops.backends.cpu.simd import (
    STATES,
    add,
    fill,
    fma,
    fma_states,
    lanes_at,
    load,
    load_spread,
    load_wide,
    memory_like,
    multiply,
    spread,
    store,
)
from scansearch.ops.backends.cpu.vector_math import exp2, softplus

CHUNK = 32
"""Steps between two states that are kept for the backward pass, which recomputes the states between them."""


@inlined
def step_size(raw, use_softplus):
    """Delta from its raw value (bias added)."""
    if use_softplus != 0:
        return softplus(raw)
    return raw


@compiled
def _advance(steps, n, a_row, b_row, b, c_row, c, state, delta, drive, out):
    """Runs STATES states over a chunk and adds what they give to ``out``."""
    lanes = lanes_at(state)
    h = load_wide(state, n * lanes)
    a = load_wide(a_row, n * lanes)
    for i in range(steps):
        decay = exp2(multiply(spread(load(delta, i * lanes)), a))
        inflow = multiply(spread(load(drive, i * lanes)), load_spread(b_row, i * b.step + n * b.lane, b.lane))
        h = fma(decay, h, inflow)
        total = fma_states(h, load_spread(c_row, i * c.step + n * c.lane, c.lane), load(out, i * lanes))
        store(out, i * lanes, total)
    store(state, n * lanes, h)


@compiled
def _block(values, group, batch, block, delta):
    """One block of channels of one panel, over all steps."""
    sizes, lanes = sizes_of(values), lanes_at(values)
    u, raw, y, b, c = (
        panel_of(values, 0),
        panel_of(values, 1),
        panel_of(values, 2),
        panel_of(values, 3),
        panel_of(values, 4),
    )
    row = 4 * lanes
    drive, out, state = delta + CHUNK * row, delta + 2 * CHUNK * row, delta + 3 * CHUNK * row
    first = block * lanes
    u_row, raw_row, y_row = (
        row_of(u, group, batch, first),
        row_of(raw, group, batch, first),
        row_of(y, group, batch, first),
    )
    a_row = row_of(panel_of(values, 5), group, block, 0)
    constants = row_of(panel_of(values, 6), group, block, 0)
    kept = panel_of(values, 7)
    kept_row = row_of(kept, group * sizes.batch + batch, block, 0)
    skip, bias = load(constants, 0), load(constants, lanes)
    for n in range(sizes.states):
        store(state, n * lanes, fill(values, 0.0))
    for start in range(0, sizes.length, CHUNK):
        steps = min(CHUNK, sizes.length - start)
        if kept.lane != 0 and start > 0:
            for n in range(0, sizes.states, STATES):
                store(kept_row, (start // CHUNK - 1) * kept.step + n * lanes, load_wide(state, n * lanes))
        for i in range(steps):
            t = start + i
            x = load(u_row, t * u.step)
            d = step_size(add(load(raw_row, t * raw.step), bias), sizes.softplus)
            store(delta, i * lanes, d)
            store(drive, i * lanes, multiply(d, x))
            store(out, i * lanes, multiply(skip, x))
        b_row = row_of(b, group, batch, 0) + 4 * start * b.step
        c_row = row_of(c, group, batch, 0) + 4 * start * c.step
        for n in range(0, sizes.states, STATES):
            _advance(steps, n, a_row, b_row, b, c_row, c, state, delta, drive, out)
        for i in range(steps):
            store(y_row, (start + i) * y.step, load(out, i * lanes))


@compiled
def _run(values, scratch):
    sizes = sizes_of(values)
    per_split = (sizes.blocks + sizes.splits - 1) // sizes.splits
    tasks = sizes.groups * sizes.batch * sizes.splits
    task = take_ticket(values)
    while task < tasks:
        panel, split = divmod(task, sizes.splits)
        for block in range(split * per_split, min(sizes.blocks, (split + 1) * per_split)):
            _block(values, panel // sizes.batch, panel % sizes.batch, block, scratch)
        task = take_ticket(values)


def _scan_forward(values):
    before = flush_denormals()
    memory = np.empty((sizes_of(values).states + 3 * CHUNK) * lanes_at(values), np.float32)
    _run(values, memory_like(values, memory.ctypes.data))
    memory[0] = 0.0  # a last use: numba frees an array after it, and an address does not count
    restore_denormals(before)


scan_forward = Kernel(_scan_forward)
