"""What SCAttn reads off a branch, in one pass: the normalised tokens' mean and their short linear map. A task is one panel.

With n = (x - mean) / std of one token's channels, W (R, D) the map, and g what reaches x from elsewhere::

    pooled = sum_l n_l / L          reduced_l = W n_l
    dn_l = dpooled / L + W^T dreduced_l          dW = sum_l dreduced_l n_l
    dx_l = g_l + (dn_l - mean(dn_l) - n_l mean(dn_l n_l)) / std
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
def _forward_panel(values, group, batch, mask):
    sizes, x, weight, pooled = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 2)
    reduced, lanes = panel_of(values, 3), lanes_at(values)
    end = sizes.blocks * lanes
    token, total = mask + 4 * end, mask + 8 * end
    x_row, out_row = row_of(x, group, batch, 0), row_of(reduced, group, batch, 0)
    for first in range(0, end, lanes):
        store(total, first, fill(values, 0.0))
    for i in range(sizes.tokens):
        copy_token(x_row, i * x.step, sizes, token)
        scale = fill(values, normalise(sizes, token, mask))
        for first in range(0, end, lanes):
            n = multiply(load(token, first), scale)
            store(token, first, n)
            store(total, first, add(load(total, first), n))
        for k in range(sizes.states):
            row = weight.data + 4 * k * weight.step
            product = fill(values, 0.0)
            for first in range(0, end, lanes):
                product = fma(load(token, first), load(row, first), product)
            store_scalar(out_row, i * reduced.step + k * reduced.lane, sum_narrow(product))
    share = fill(values, np.float32(1.0) / np.float32(sizes.tokens))
    pooled_row = row_of(pooled, group, batch, 0)
    for first in range(0, end, lanes):
        store(pooled_row, first, multiply(load(total, first), share))


@compiled
def _backward_panel(values, group, batch, mask):
    sizes, x, weight, dpooled = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 2)
    dreduced, g, dx, dweight = panel_of(values, 3), panel_of(values, 4), panel_of(values, 5), panel_of(values, 6)
    lanes = lanes_at(values)
    end = sizes.blocks * lanes
    token, common, gradient = mask + 4 * end, mask + 8 * end, mask + 12 * end
    x_row, g_row, dx_row = row_of(x, group, batch, 0), row_of(g, group, batch, 0), row_of(dx, group, batch, 0)
    dreduced_row = row_of(dreduced, group, batch, 0)
    dweight_rows = row_of(dweight, group * sizes.batch + batch, 0, 0)
    copy_token(row_of(dpooled, group, batch, 0), 0, sizes, common)
    share = fill(values, np.float32(1.0) / np.float32(sizes.tokens))
    for first in range(0, end, lanes):
        store(common, first, multiply(load(common, first), share))
    for k in range(sizes.states):
        for first in range(0, end, lanes):
            store(dweight_rows, k * end + first, fill(values, 0.0))
    for i in range(sizes.tokens):
        copy_token(x_row, i * x.step, sizes, token)
        scale = normalise(sizes, token, mask)
        for first in range(0, end, lanes):
            store(token, first, multiply(load(token, first), fill(values, scale)))
            store(gradient, first, load(common, first))
        for k in range(sizes.states):
            d, row = fill(values, load_scalar(dreduced_row, i * dreduced.step + k * dreduced.lane)), 4 * k
            for first in range(0, end, lanes):
                store(gradient, first, fma(d, load(weight.data + row * weight.step, first), load(gradient, first)))
                j = k * end + first
                store(dweight_rows, j, fma(d, load(token, first), load(dweight_rows, j)))
        total, along = fill(values, 0.0), fill(values, 0.0)
        for first in range(0, end, lanes):
            total = add(total, load(gradient, first))
            along = fma(load(gradient, first), load(token, first), along)
        mean = fill(values, sum_narrow(total) / np.float32(sizes.channels))
        slope = fill(values, sum_narrow(along) / np.float32(-sizes.channels))
        for first in range(0, end, lanes):
            change = fma(load(token, first), slope, subtract(load(gradient, first), mean))
            elsewhere = load(g_row, i * g.step + first)
            changed = fma(change, fill(values, scale), elsewhere)
            store(dx_row, i * dx.step + first, changed)


@compiled
def _forward(values, mask):
    sizes = sizes_of(values)
    fill_mask(sizes, mask)
    task = take_ticket(values)
    while task < sizes.groups * sizes.batch:
        _forward_panel(values, task // sizes.batch, task % sizes.batch, mask)
        task = take_ticket(values)


@compiled
def _backward(values, mask):
    sizes = sizes_of(values)
    fill_mask(sizes, mask)
    task = take_ticket(values)
    while task < sizes.groups * sizes.batch:
        _backward_panel(values, task // sizes.batch, task % sizes.batch, mask)
        task = take_ticket(values)


def _reduce_forward(values):
    before = flush_denormals()
    memory = np.empty(3 * sizes_of(values).blocks * lanes_at(values), np.float32)
    _forward(values, memory_like(values, memory.ctypes.data))
    memory[0] = 0.0  # a last use: numba frees an array after it, and an address does not count
    restore_denormals(before)


def _reduce_backward(values):
    before = flush_denormals()
    memory = np.empty(4 * sizes_of(values).blocks * lanes_at(values), np.float32)
    _backward(values, memory_like(values, memory.ctypes.data))
    memory[0] = 0.0
    restore_denormals(before)


reduce_forward, reduce_backward = Kernel(_reduce_forward), Kernel(_reduce_backward)
