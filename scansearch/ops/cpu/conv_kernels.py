"""Reordering, causal convolution and SiLU in one pass: tokens are read where they lie, nothing in between is stored.

A forward task is one panel. A backward task is one sample with all its groups, which add to the same tokens in turn.
"""

from __future__ import annotations

import numpy as np

from scansearch.ops.cpu.kernel import Kernel
from scansearch.ops.cpu.machine import flush_denormals, restore_denormals, take_ticket
from scansearch.ops.cpu.panel import compiled, index_of, inlined, panel_of, read, row_of, sizes_of, write
from scansearch.ops.cpu.simd import LANES, add, fill, fma, load, multiply, store, subtract
from scansearch.ops.cpu.vector_math import sigmoid

TAPS = 4
"""Taps of the convolution; a shorter one is filled up with zeros in front."""


@inlined
def _token(x_row, x, visited, count, edge):
    """LANES channels of the token ``visited``, zeros for -1."""
    if visited < 0:
        return fill(0.0)
    return read(x_row, visited * x.step, x.lane, count, edge)


@inlined
def _convolve(taps, x0, x1, x2, x3):
    """Bias and taps, ``taps`` being the address of TAPS + 1 vectors."""
    total = fma(load(taps, 0), x0, load(taps, TAPS * LANES))
    return fma(load(taps, 3 * LANES), x3, fma(load(taps, 2 * LANES), x2, fma(load(taps, LANES), x1, total)))


@compiled
def _forward_block(values, group, batch, block, scratch):
    sizes, x, order, y = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 3)
    first, edge_out = block * LANES, scratch + 4 * LANES
    count = min(LANES, sizes.channels - first)
    taps = row_of(panel_of(values, 2), group, block, 0)
    x_row, y_row = row_of(x, 0, batch, first), row_of(y, group, batch, first)
    store(scratch, 0, fill(0.0))
    x0, x1, x2 = fill(0.0), fill(0.0), fill(0.0)
    for t in range(sizes.length):
        x3 = _token(x_row, x, index_of(order, group, t), count, scratch)
        p = _convolve(taps, x0, x1, x2, x3)
        write(y_row, t * y.step, y.lane, count, edge_out, multiply(p, sigmoid(p)))
        x0, x1, x2 = x1, x2, x3


@compiled
def _backward_block(values, group, batch, block, scratch):
    sizes, x, order, dy = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 3)
    dx, first, edge_out = panel_of(values, 4), block * LANES, scratch + 4 * LANES
    count = min(LANES, sizes.channels - first)
    taps = row_of(panel_of(values, 2), group, block, 0)
    x_row, dx_row, dy_row = row_of(x, 0, batch, first), row_of(dx, 0, batch, first), row_of(dy, group, batch, first)
    zero, one = fill(0.0), fill(1.0)
    store(scratch, 0, zero)
    x0, x1, x2, a0, a1, a2, a3, total = zero, zero, zero, zero, zero, zero, zero, zero
    p0, p1, p2 = zero, zero, zero  # what the last three tokens are still owed
    for t in range(sizes.length + TAPS - 1):
        dp, x3 = zero, zero
        if t < sizes.length:
            x3 = _token(x_row, x, index_of(order, group, t), count, scratch)
            p = _convolve(taps, x0, x1, x2, x3)
            s = sigmoid(p)
            slope = multiply(s, fma(p, subtract(one, s), one))
            dp = multiply(read(dy_row, t * dy.step, dy.lane, count, scratch), slope)
            a0, a1, a2, a3 = fma(dp, x0, a0), fma(dp, x1, a1), fma(dp, x2, a2), fma(dp, x3, a3)
            total = add(total, dp)
        if t >= TAPS - 1:
            token = index_of(order, group, t - TAPS + 1)
            if token >= 0:
                i = token * dx.step
                owed = fma(load(taps, 0), dp, p0)
                write(dx_row, i, dx.lane, count, edge_out, add(read(dx_row, i, dx.lane, count, scratch), owed))
        p0, p1, p2 = (
            fma(load(taps, LANES), dp, p1),
            fma(load(taps, 2 * LANES), dp, p2),
            multiply(load(taps, 3 * LANES), dp),
        )
        x0, x1, x2 = x1, x2, x3
    dtaps = row_of(panel_of(values, 5), group * sizes.batch + batch, block, 0)
    store(dtaps, 0, a0)
    store(dtaps, LANES, a1)
    store(dtaps, 2 * LANES, a2)
    store(dtaps, 3 * LANES, a3)
    store(dtaps, TAPS * LANES, total)


@compiled
def _forward(values, scratch):
    sizes = sizes_of(values)
    task = take_ticket(values)
    while task < sizes.groups * sizes.batch:
        for block in range(sizes.blocks):
            _forward_block(values, task // sizes.batch, task % sizes.batch, block, scratch)
        task = take_ticket(values)


@compiled
def _backward(values, scratch):
    sizes = sizes_of(values)
    batch = take_ticket(values)
    while batch < sizes.batch:
        for group in range(sizes.groups):
            for block in range(sizes.blocks):
                _backward_block(values, group, batch, block, scratch)
        batch = take_ticket(values)


def _conv_forward(values):
    before = flush_denormals()
    memory = np.empty(2 * LANES, np.float32)
    _forward(values, memory.ctypes.data)
    memory[0] = 0.0  # a last use: numba frees an array after it, and an address does not count
    restore_denormals(before)


def _conv_backward(values):
    before = flush_denormals()
    memory = np.empty(2 * LANES, np.float32)
    _backward(values, memory.ctypes.data)
    memory[0] = 0.0
    restore_denormals(before)


conv_forward, conv_backward = Kernel(_conv_forward), Kernel(_conv_backward)
