"""Reordering, causal convolution and SiLU in one pass: tokens are read where they lie, nothing in between is stored.

A forward task is one panel. A backward task is one sample with all its groups, which add to the same tokens in turn.
"""

from __future__ import annotations

from scansearch.ops.backends.cpu.backend import TAPS
from scansearch.ops.backends.cpu.kernel import Kernel
from scansearch.ops.backends.cpu.machine import flush_denormals, restore_denormals, take_ticket
from scansearch.ops.backends.cpu.panel import compiled, index_of, inlined, panel_of, row_of, sizes_of
from scansearch.ops.backends.cpu.simd import add, fill, fma, lanes_at, load, multiply, store, subtract
from scansearch.ops.backends.cpu.vector_math import sigmoid


@inlined
def _token(x_row, x, visited):
    """A vector of channels of the token ``visited``, zeros for -1."""
    if visited < 0:
        return fill(x_row, 0.0)
    return load(x_row, visited * x.step)


@inlined
def _convolve(taps, x0, x1, x2, x3):
    """Bias and taps, ``taps`` being the address of TAPS + 1 vectors."""
    lanes = lanes_at(taps)
    total = fma(load(taps, 0), x0, load(taps, TAPS * lanes))
    return fma(load(taps, 3 * lanes), x3, fma(load(taps, 2 * lanes), x2, fma(load(taps, lanes), x1, total)))


@compiled
def _forward_block(values, group, batch, block):
    sizes, x, order, y = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 3)
    first = block * lanes_at(values)
    taps = row_of(panel_of(values, 2), group, block, 0)
    x_row, y_row = row_of(x, 0, batch, first), row_of(y, group, batch, first)
    x0, x1, x2 = fill(values, 0.0), fill(values, 0.0), fill(values, 0.0)
    for t in range(sizes.length):
        x3 = _token(x_row, x, index_of(order, group, t))
        p = _convolve(taps, x0, x1, x2, x3)
        store(y_row, t * y.step, multiply(p, sigmoid(p)))
        x0, x1, x2 = x1, x2, x3


@compiled
def _backward_block(values, group, batch, block):
    sizes, x, order, dy = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 3)
    dx, lanes = panel_of(values, 4), lanes_at(values)
    first = block * lanes
    taps = row_of(panel_of(values, 2), group, block, 0)
    x_row, dx_row, dy_row = row_of(x, 0, batch, first), row_of(dx, 0, batch, first), row_of(dy, group, batch, first)
    zero, one = fill(values, 0.0), fill(values, 1.0)
    x0, x1, x2, a0, a1, a2, a3, total = zero, zero, zero, zero, zero, zero, zero, zero
    p0, p1, p2 = zero, zero, zero  # what the last three tokens are still owed
    for t in range(sizes.length + TAPS - 1):
        dp, x3 = zero, zero
        if t < sizes.length:
            x3 = _token(x_row, x, index_of(order, group, t))
            p = _convolve(taps, x0, x1, x2, x3)
            s = sigmoid(p)
            slope = multiply(s, fma(p, subtract(one, s), one))
            dp = multiply(load(dy_row, t * dy.step), slope)
            a0, a1, a2, a3 = fma(dp, x0, a0), fma(dp, x1, a1), fma(dp, x2, a2), fma(dp, x3, a3)
            total = add(total, dp)
        if t >= TAPS - 1:
            token = index_of(order, group, t - TAPS + 1)
            if token >= 0:
                i = token * dx.step
                owed = fma(load(taps, 0), dp, p0)
                store(dx_row, i, add(load(dx_row, i), owed))
        p0, p1, p2 = (
            fma(load(taps, lanes), dp, p1),
            fma(load(taps, 2 * lanes), dp, p2),
            multiply(load(taps, 3 * lanes), dp),
        )
        x0, x1, x2 = x1, x2, x3
    dtaps = row_of(panel_of(values, 5), group * sizes.batch + batch, block, 0)
    store(dtaps, 0, a0)
    store(dtaps, lanes, a1)
    store(dtaps, 2 * lanes, a2)
    store(dtaps, 3 * lanes, a3)
    store(dtaps, TAPS * lanes, total)


@compiled
def _forward(values):
    sizes = sizes_of(values)
    task = take_ticket(values)
    while task < sizes.groups * sizes.batch:
        for block in range(sizes.blocks):
            _forward_block(values, task // sizes.batch, task % sizes.batch, block)
        task = take_ticket(values)


@compiled
def _backward(values):
    sizes = sizes_of(values)
    batch = take_ticket(values)
    while batch < sizes.batch:
        for group in range(sizes.groups):
            for block in range(sizes.blocks):
                _backward_block(values, group, batch, block)
        batch = take_ticket(values)


def _conv_forward(values):
    before = flush_denormals()
    _forward(values)
    restore_denormals(before)


def _conv_backward(values):
    before = flush_denormals()
    _backward(values)
    restore_denormals(before)


conv_forward, conv_backward = Kernel(_conv_forward), Kernel(_conv_backward)
