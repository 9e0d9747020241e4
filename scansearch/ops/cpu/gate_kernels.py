"""Back into token order and times SiLU(z), in one pass; all groups share one gate. A task is one sample."""

from __future__ import annotations

import numpy as np

from scansearch.ops.cpu.kernel import Kernel
from scansearch.ops.cpu.machine import flush_denormals, restore_denormals, take_ticket
from scansearch.ops.cpu.panel import compiled, index_of, panel_of, read, row_of, sizes_of, write
from scansearch.ops.cpu.simd import LANES, fill, fma, load, multiply, store, subtract
from scansearch.ops.cpu.vector_math import sigmoid


@compiled
def _forward_block(values, batch, block, scratch):
    sizes, y, z, inverse = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 2)
    out, first, edge_out, gates = panel_of(values, 3), block * LANES, scratch + 4 * LANES, scratch + 8 * LANES
    count = min(LANES, sizes.channels - first)
    z_row = row_of(z, 0, batch, first)
    store(scratch, 0, fill(0.0))
    for i in range(sizes.tokens):
        gate = read(z_row, i * z.step, z.lane, count, scratch)
        store(gates, i * LANES, multiply(gate, sigmoid(gate)))
    for group in range(sizes.groups):
        y_row, out_row = row_of(y, group, batch, first), row_of(out, group, batch, first)
        for i in range(sizes.tokens):
            x = read(y_row, index_of(inverse, group, i) * y.step, y.lane, count, scratch)
            write(out_row, i * out.step, out.lane, count, edge_out, multiply(x, load(gates, i * LANES)))


@compiled
def _backward_block(values, batch, block, scratch):
    sizes, y, z, inverse = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 2)
    dout, dy, dz = panel_of(values, 3), panel_of(values, 4), panel_of(values, 5)
    first, edge_out, gates = block * LANES, scratch + 4 * LANES, scratch + 8 * LANES
    sums = gates + 4 * LANES * sizes.tokens
    count = min(LANES, sizes.channels - first)
    z_row, dz_row = row_of(z, 0, batch, first), row_of(dz, 0, batch, first)
    store(scratch, 0, fill(0.0))
    for i in range(sizes.tokens):
        gate = read(z_row, i * z.step, z.lane, count, scratch)
        store(gates, i * LANES, multiply(gate, sigmoid(gate)))
        store(sums, i * LANES, fill(0.0))
    for group in range(sizes.groups):
        y_row, dy_row, dout_row = (
            row_of(y, group, batch, first),
            row_of(dy, group, batch, first),
            row_of(dout, group, batch, first),
        )
        for i in range(sizes.tokens):
            t = index_of(inverse, group, i)
            g = read(dout_row, i * dout.step, dout.lane, count, scratch)
            x = read(y_row, t * y.step, y.lane, count, scratch)
            write(dy_row, t * dy.step, dy.lane, count, edge_out, multiply(g, load(gates, i * LANES)))
            store(sums, i * LANES, fma(g, x, load(sums, i * LANES)))
    for i in range(sizes.tokens):
        gate = read(z_row, i * z.step, z.lane, count, scratch)
        s = sigmoid(gate)
        slope = multiply(s, fma(gate, subtract(fill(1.0), s), fill(1.0)))
        write(dz_row, i * dz.step, dz.lane, count, edge_out, multiply(slope, load(sums, i * LANES)))


@compiled
def _forward(values, scratch):
    sizes = sizes_of(values)
    batch = take_ticket(values)
    while batch < sizes.batch:
        for block in range(sizes.blocks):
            _forward_block(values, batch, block, scratch)
        batch = take_ticket(values)


@compiled
def _backward(values, scratch):
    sizes = sizes_of(values)
    batch = take_ticket(values)
    while batch < sizes.batch:
        for block in range(sizes.blocks):
            _backward_block(values, batch, block, scratch)
        batch = take_ticket(values)


def _gate_forward(values):
    before = flush_denormals()
    memory = np.empty((2 + sizes_of(values).tokens) * LANES, np.float32)
    _forward(values, memory.ctypes.data)
    memory[0] = 0.0  # a last use: numba frees an array after it, and an address does not count
    restore_denormals(before)


def _gate_backward(values):
    before = flush_denormals()
    memory = np.empty((2 + 2 * sizes_of(values).tokens) * LANES, np.float32)
    _backward(values, memory.ctypes.data)
    memory[0] = 0.0
    restore_denormals(before)


gate_forward, gate_backward = Kernel(_gate_forward), Kernel(_gate_backward)
