"""x times a weight a channel times a weight a token, in one pass, and all three gradients in another. A task is one panel."""

from __future__ import annotations

import numpy as np

from scansearch.ops.cpu.kernel import Kernel
from scansearch.ops.cpu.machine import flush_denormals, restore_denormals, take_ticket
from scansearch.ops.cpu.panel import compiled, panel_of, read, row_of, sizes_of, write
from scansearch.ops.cpu.simd import LANES, fill, fma, load_scalar, multiply, store, store_scalar, sum_narrow


@compiled
def _forward_block(values, group, batch, block, scratch):
    sizes, x, channel, token = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 2)
    out, first, edge_out = panel_of(values, 3), block * LANES, scratch + 4 * LANES
    count = min(LANES, sizes.channels - first)
    x_row, out_row, token_row = (
        row_of(x, group, batch, first),
        row_of(out, group, batch, first),
        row_of(token, group, batch, 0),
    )
    c = read(row_of(channel, group, batch, first), 0, channel.lane, count, scratch)
    for i in range(sizes.tokens):
        weight = multiply(c, fill(load_scalar(token_row, i * token.step)))
        product = multiply(read(x_row, i * x.step, x.lane, count, scratch), weight)
        write(out_row, i * out.step, out.lane, count, edge_out, product)


@compiled
def _backward_block(values, group, batch, block, scratch):
    sizes, x, channel, token = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 2)
    dout, dx, dchannel, dtoken = panel_of(values, 3), panel_of(values, 4), panel_of(values, 5), panel_of(values, 6)
    first, edge_out = block * LANES, scratch + 4 * LANES
    count = min(LANES, sizes.channels - first)
    x_row, dx_row, dout_row = (
        row_of(x, group, batch, first),
        row_of(dx, group, batch, first),
        row_of(dout, group, batch, first),
    )
    token_row, dtoken_row = row_of(token, group, batch, 0), row_of(dtoken, group, batch, 0)
    c, total = read(row_of(channel, group, batch, first), 0, channel.lane, count, scratch), fill(0.0)
    for i in range(sizes.tokens):
        s = fill(load_scalar(token_row, i * token.step))
        g = read(dout_row, i * dout.step, dout.lane, count, scratch)
        write(dx_row, i * dx.step, dx.lane, count, edge_out, multiply(g, multiply(c, s)))
        product = multiply(g, read(x_row, i * x.step, x.lane, count, scratch))
        total = fma(product, s, total)
        k = i * dtoken.step
        store_scalar(dtoken_row, k, load_scalar(dtoken_row, k) + sum_narrow(multiply(product, c)))
    write(row_of(dchannel, group, batch, first), 0, dchannel.lane, count, edge_out, total)


@compiled
def _forward(values, scratch):
    sizes = sizes_of(values)
    task = take_ticket(values)
    while task < sizes.groups * sizes.batch:
        for block in range(sizes.blocks):
            store(scratch, 0, fill(0.0))
            _forward_block(values, task // sizes.batch, task % sizes.batch, block, scratch)
        task = take_ticket(values)


@compiled
def _backward(values, scratch):
    sizes, dtoken = sizes_of(values), panel_of(values, 6)
    task = take_ticket(values)
    while task < sizes.groups * sizes.batch:
        group, batch = task // sizes.batch, task % sizes.batch
        row = row_of(dtoken, group, batch, 0)
        for i in range(sizes.tokens):
            store_scalar(row, i * dtoken.step, 0.0)
        for block in range(sizes.blocks):
            store(scratch, 0, fill(0.0))
            _backward_block(values, group, batch, block, scratch)
        task = take_ticket(values)


def _weigh_forward(values):
    before = flush_denormals()
    memory = np.empty(2 * LANES, np.float32)
    _forward(values, memory.ctypes.data)
    memory[0] = 0.0  # a last use: numba frees an array after it, and an address does not count
    restore_denormals(before)


def _weigh_backward(values):
    before = flush_denormals()
    memory = np.empty(2 * LANES, np.float32)
    _backward(values, memory.ctypes.data)
    memory[0] = 0.0
    restore_denormals(before)


weigh_forward, weigh_backward = Kernel(_weigh_forward), Kernel(_weigh_backward)
