"""Back into token order and times SiLU(z), in one pass; all groups share one gate. A task is one sample."""

from __future__ import annotations

import numpy as np

from scansearch.ops.backends.cpu.kernel import Kernel
from scansearch.ops.backends.cpu.machine import flush_denormals, restore_denormals, take_ticket
from scansearch.ops.backends.cpu.panel import compiled, index_of, inlined, panel_of, row_of, sizes_of
from scansearch.ops.backends.cpu.simd import fill, fma, lanes_at, load, memory_like, multiply, store, subtract
from scansearch.ops.backends.cpu.vector_math import sigmoid


@inlined
def _read_gates(sizes, z, batch, gates):
    """SiLU(z) of one sample, token by token."""
    z_row, lanes = row_of(z, 0, batch, 0), lanes_at(gates)
    for i in range(sizes.tokens):
        for first in range(0, sizes.channels, lanes):
            gate = load(z_row, i * z.step + first)
            store(gates, i * sizes.channels + first, multiply(gate, sigmoid(gate)))


@compiled
def _forward_sample(values, batch, gates):
    sizes, y, z, inverse = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 2)
    out, lanes = panel_of(values, 3), lanes_at(values)
    _read_gates(sizes, z, batch, gates)
    for group in range(sizes.groups):
        y_row, out_row = row_of(y, group, batch, 0), row_of(out, group, batch, 0)
        for i in range(sizes.tokens):
            y_at = index_of(inverse, group, i) * y.step
            for first in range(0, sizes.channels, lanes):
                product = multiply(load(y_row, y_at + first), load(gates, i * sizes.channels + first))
                store(out_row, i * out.step + first, product)


@compiled
def _backward_sample(values, batch, gates):
    sizes, y, z, inverse = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 2)
    dout, dy, dz = panel_of(values, 3), panel_of(values, 4), panel_of(values, 5)
    lanes, zero, one = lanes_at(values), fill(values, 0.0), fill(values, 1.0)
    sums = gates + 4 * sizes.channels * sizes.tokens
    _read_gates(sizes, z, batch, gates)
    for k in range(0, sizes.channels * sizes.tokens, lanes):
        store(sums, k, zero)
    for group in range(sizes.groups):
        y_row, dy_row = row_of(y, group, batch, 0), row_of(dy, group, batch, 0)
        dout_row = row_of(dout, group, batch, 0)
        for i in range(sizes.tokens):
            t = index_of(inverse, group, i)
            for first in range(0, sizes.channels, lanes):
                k = i * sizes.channels + first
                g = load(dout_row, i * dout.step + first)
                store(dy_row, t * dy.step + first, multiply(g, load(gates, k)))
                store(sums, k, fma(g, load(y_row, t * y.step + first), load(sums, k)))
    z_row, dz_row = row_of(z, 0, batch, 0), row_of(dz, 0, batch, 0)
    for i in range(sizes.tokens):
        for first in range(0, sizes.channels, lanes):
            gate = load(z_row, i * z.step + first)
            s = sigmoid(gate)
            slope = multiply(s, fma(gate, subtract(one, s), one))
            store(dz_row, i * dz.step + first, multiply(slope, load(sums, i * sizes.channels + first)))


@compiled
def _forward(values, gates):
    batch = take_ticket(values)
    while batch < sizes_of(values).batch:
        _forward_sample(values, batch, gates)
        batch = take_ticket(values)


@compiled
def _backward(values, gates):
    batch = take_ticket(values)
    while batch < sizes_of(values).batch:
        _backward_sample(values, batch, gates)
        batch = take_ticket(values)


def _gate_forward(values):
    before, sizes = flush_denormals(), sizes_of(values)
    memory = np.empty(sizes.tokens * sizes.channels, np.float32)
    _forward(values, memory_like(values, memory.ctypes.data))
    memory[0] = 0.0  # a last use: numba frees an array after it, and an address does not count
    restore_denormals(before)


def _gate_backward(values):
    before, sizes = flush_denormals(), sizes_of(values)
    memory = np.empty(2 * sizes.tokens * sizes.channels, np.float32)
    _backward(values, memory_like(values, memory.ctypes.data))
    memory[0] = 0.0
    restore_denormals(before)


gate_forward, gate_backward = Kernel(_gate_forward), Kernel(_gate_backward)
