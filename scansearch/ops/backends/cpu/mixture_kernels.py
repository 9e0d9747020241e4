"""sum_g w_g LN(x_g) over branches x_g, LN without affine parameters, in one pass. A task is one sample.

With n = (x - mean) / std of one token's channels and g the gradient that reaches the sum (Ba et al., arXiv 1607.06450)::

    dw = sum g n          dx = w / std * (g - mean(g) - n mean(g n))
"""

from __future__ import annotations

import numpy as np

from scansearch.ops.backends.cpu.kernel import Kernel
from scansearch.ops.backends.cpu.machine import flush_denormals, restore_denormals, take_ticket
from scansearch.ops.backends.cpu.normal import copy_token, fill_mask, normalise
from scansearch.ops.backends.cpu.panel import compiled, panel_of, row_of, sizes_of
from scansearch.ops.backends.cpu.simd import (
    add,
    fill,
    fma,
    lanes_at,
    load,
    load_scalar,
    memory_like,
    multiply,
    store,
    store_scalar,
    subtract,
    sum_narrow,
)


@compiled
def _forward_token(values, batch, i, mask):
    sizes, x, out = sizes_of(values), panel_of(values, 0), panel_of(values, 2)
    lanes = lanes_at(values)
    width = 4 * sizes.blocks * lanes
    token, total = mask + width, mask + 2 * width
    for first in range(0, sizes.blocks * lanes, lanes):
        store(total, first, fill(values, 0.0))
    for group in range(sizes.groups):
        copy_token(row_of(x, group, batch, 0), i * x.step, sizes, token)
        scale = normalise(sizes, token, mask)
        factor = fill(values, scale * load_scalar(row_of(panel_of(values, 1), group, 0, 0), 0))
        for first in range(0, sizes.blocks * lanes, lanes):
            store(total, first, fma(load(token, first), factor, load(total, first)))
    row = row_of(out, 0, batch, 0)
    for first in range(0, sizes.blocks * lanes, lanes):
        store(row, i * out.step + first, load(total, first))


@compiled
def _backward_token(values, batch, i, mask):
    sizes, x, dout, dx = sizes_of(values), panel_of(values, 0), panel_of(values, 2), panel_of(values, 3)
    lanes = lanes_at(values)
    width = 4 * sizes.blocks * lanes
    token, gradient, dweights = mask + width, mask + 2 * width, mask + 3 * width
    copy_token(row_of(dout, 0, batch, 0), i * dout.step, sizes, gradient)
    total = fill(values, 0.0)
    for first in range(0, sizes.blocks * lanes, lanes):
        total = add(total, load(gradient, first))
    mean = fill(values, sum_narrow(total) / np.float32(sizes.channels))
    for group in range(sizes.groups):
        copy_token(row_of(x, group, batch, 0), i * x.step, sizes, token)
        scale = normalise(sizes, token, mask)
        product = fill(values, 0.0)
        for first in range(0, sizes.blocks * lanes, lanes):
            product = fma(load(token, first), load(gradient, first), product)
        along = sum_narrow(product) * scale  # sum g n
        store_scalar(dweights, group, load_scalar(dweights, group) + along)
        slope = fill(values, -along * scale / np.float32(sizes.channels))
        factor = fill(values, scale * load_scalar(row_of(panel_of(values, 1), group, 0, 0), 0))
        row = row_of(dx, group, batch, 0)
        for first in range(0, sizes.blocks * lanes, lanes):
            change = fma(load(token, first), slope, subtract(load(gradient, first), mean))
            store(row, i * dx.step + first, multiply(factor, change))


@compiled
def _forward(values, mask):
    sizes = sizes_of(values)
    fill_mask(sizes, mask)
    batch = take_ticket(values)
    while batch < sizes.batch:
        for i in range(sizes.tokens):
            _forward_token(values, batch, i, mask)
        batch = take_ticket(values)


@compiled
def _backward(values, mask):
    sizes = sizes_of(values)
    fill_mask(sizes, mask)
    dweights = mask + 12 * sizes.blocks * lanes_at(values)
    batch = take_ticket(values)
    while batch < sizes.batch:
        for group in range(sizes.groups):
            store_scalar(dweights, group, 0.0)
        for i in range(sizes.tokens):
            _backward_token(values, batch, i, mask)
        row = row_of(panel_of(values, 4), 0, batch, 0)
        for group in range(sizes.groups):
            store_scalar(row, group, load_scalar(dweights, group))
        batch = take_ticket(values)


def _mixture_forward(values):
    before = flush_denormals()
    memory = np.empty(3 * sizes_of(values).blocks * lanes_at(values), np.float32)
    _forward(values, memory_like(values, memory.ctypes.data))
    memory[0] = 0.0  # a last use: numba frees an array after it, and an address does not count
    restore_denormals(before)


def _mixture_backward(values):
    before = flush_denormals()
    sizes = sizes_of(values)
    memory = np.empty(3 * sizes.blocks * lanes_at(values) + sizes.groups, np.float32)
    _backward(values, memory_like(values, memory.ctypes.data))
    memory[0] = 0.0
    restore_denormals(before)


mixture_forward, mixture_backward = Kernel(_mixture_forward), Kernel(_mixture_backward)
