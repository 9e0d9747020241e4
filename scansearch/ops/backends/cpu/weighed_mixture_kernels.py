"""sum_g w_g LN(x_g c_g t_g) over branches x_g, c a weight a channel and t a weight a token, in one pass. A task is one sample.

With q = x c - mean(x c) of one token's channels, s = 1 / sqrt(t^2 mean(q^2) + eps), the normalised token n = s t q, and g the
gradient that reaches the sum, less its mean::

    S = sum g q          dw = s t S          h = w s t (g - q (s t)^2 S / D)
    dx = h c          dc = sum over tokens h x          dt = w eps s^3 S

The last is sum h x c / t without what cancels in it: LN takes a factor away again, but for eps.
"""

from __future__ import annotations

import numpy as np

from scansearch.ops.backends.base import EPS
from scansearch.ops.backends.cpu.kernel import Kernel
from scansearch.ops.backends.cpu.machine import flush_denormals, restore_denormals, take_ticket
from scansearch.ops.backends.cpu.normal import copy_token, fill_mask, normalise
from scansearch.ops.backends.cpu.panel import compiled, inlined, panel_of, row_of, sizes_of
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

TILE = 16
"""Tokens of which all branches are read, one branch after the other, while their sum or its gradient stays in the first-level cache."""


@inlined
def _weigh_token(x_row, i, channel_row, sizes, token):
    """Writes x times the weights of its channels to ``token``, and returns the mean of that."""
    lanes, total = lanes_at(token), fill(token, 0.0)
    for first in range(0, sizes.blocks * lanes, lanes):
        product = multiply(load(x_row, i + first), load(channel_row, first))
        store(token, first, product)
        total = add(total, product)
    return fill(token, sum_narrow(total) / np.float32(sizes.channels))


@compiled
def _forward_tile(values, batch, start, end, mask):
    sizes, x, channel, token_weight = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 2)
    weights, out, lanes = panel_of(values, 3), panel_of(values, 4), lanes_at(values)
    channels = np.float32(sizes.channels)
    width = sizes.blocks * lanes
    token, out_row = mask + 4 * width, row_of(out, 0, batch, 0)
    for i in range(start, end):
        for first in range(0, width, lanes):
            store(out_row, i * out.step + first, fill(values, 0.0))
    for group in range(sizes.groups):
        x_row, channel_row = row_of(x, group, batch, 0), row_of(channel, group, batch, 0)
        t_row, w = row_of(token_weight, group, batch, 0), load_scalar(row_of(weights, group, 0, 0), 0)
        for i in range(start, end):
            mean = _weigh_token(x_row, i * x.step, channel_row, sizes, token)
            square = fill(values, 0.0)
            for first in range(0, width, lanes):
                q = multiply(subtract(load(token, first), mean), load(mask, first))
                store(token, first, q)
                square = fma(q, q, square)
            variance, t = sum_narrow(square) / channels, load_scalar(t_row, i * token_weight.step)
            factor = fill(values, w * t / np.sqrt(t * t * variance + np.float32(EPS)))
            for first in range(0, width, lanes):
                place = i * out.step + first
                store(out_row, place, fma(load(token, first), factor, load(out_row, place)))


@compiled
def _backward_tile(values, batch, start, end, mask):
    sizes, x, channel, token_weight = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 2)
    weights, dout, dx = panel_of(values, 3), panel_of(values, 4), panel_of(values, 5)
    dchannel, dtoken, dweights = panel_of(values, 6), panel_of(values, 7), panel_of(values, 8)
    lanes, channels = lanes_at(values), np.float32(sizes.channels)
    width = sizes.blocks * lanes
    token, gradients = mask + 4 * width, mask + 8 * width
    dout_row = row_of(dout, 0, batch, 0)
    for i in range(start, end):
        gradient = gradients + 4 * (i - start) * width
        copy_token(dout_row, i * dout.step, sizes, gradient)
        normalise(sizes, gradient, mask)  # it stays undivided
    for group in range(sizes.groups):
        x_row, channel_row = row_of(x, group, batch, 0), row_of(channel, group, batch, 0)
        dx_row, dchannel_row = row_of(dx, group, batch, 0), row_of(dchannel, group, batch, 0)
        t_row, dt_row = row_of(token_weight, group, batch, 0), row_of(dtoken, group, batch, 0)
        w, dw_row = load_scalar(row_of(weights, group, 0, 0), 0), row_of(dweights, group, batch, 0)
        dw = load_scalar(dw_row, 0)
        for i in range(start, end):
            gradient = gradients + 4 * (i - start) * width
            mean = _weigh_token(x_row, i * x.step, channel_row, sizes, token)
            square, product = fill(values, 0.0), fill(values, 0.0)
            for first in range(0, width, lanes):
                q = multiply(subtract(load(token, first), mean), load(mask, first))
                store(token, first, q)
                square, product = fma(q, q, square), fma(q, load(gradient, first), product)
            along, t = sum_narrow(product), load_scalar(t_row, i * token_weight.step)
            scale = np.float32(1.0) / np.sqrt(t * t * (sum_narrow(square) / channels) + np.float32(EPS))
            both = scale * t
            dw += both * along
            store_scalar(dt_row, i * dtoken.step, w * np.float32(EPS) * scale * scale * scale * along)
            slope, factor = fill(values, -both * both * along / channels), fill(values, w * both)
            for first in range(0, width, lanes):
                h = multiply(factor, fma(load(token, first), slope, load(gradient, first)))
                store(dx_row, i * dx.step + first, multiply(h, load(channel_row, first)))
                store(dchannel_row, first, fma(h, load(x_row, i * x.step + first), load(dchannel_row, first)))
        store_scalar(dw_row, 0, dw)


@compiled
def _forward(values, mask):
    sizes = sizes_of(values)
    fill_mask(sizes, mask)
    batch = take_ticket(values)
    while batch < sizes.batch:
        for start in range(0, sizes.tokens, TILE):
            _forward_tile(values, batch, start, min(start + TILE, sizes.tokens), mask)
        batch = take_ticket(values)


@compiled
def _backward(values, mask):
    sizes, dchannel, dweights, lanes = sizes_of(values), panel_of(values, 6), panel_of(values, 8), lanes_at(values)
    fill_mask(sizes, mask)
    batch = take_ticket(values)
    while batch < sizes.batch:
        for group in range(sizes.groups):
            row = row_of(dchannel, group, batch, 0)
            for first in range(0, sizes.blocks * lanes, lanes):
                store(row, first, fill(values, 0.0))
            store_scalar(row_of(dweights, group, batch, 0), 0, 0.0)
        for start in range(0, sizes.tokens, TILE):
            _backward_tile(values, batch, start, min(start + TILE, sizes.tokens), mask)
        batch = take_ticket(values)


def _weighed_mixture_forward(values):
    before = flush_denormals()
    memory = np.empty(2 * sizes_of(values).blocks * lanes_at(values), np.float32)
    _forward(values, memory_like(values, memory.ctypes.data))
    memory[0] = 0.0  # a last use: numba frees an array after it, and an address does not count
    restore_denormals(before)


def _weighed_mixture_backward(values):
    before = flush_denormals()
    memory = np.empty((2 + TILE) * sizes_of(values).blocks * lanes_at(values), np.float32)
    _backward(values, memory_like(values, memory.ctypes.data))
    memory[0] = 0.0
    restore_denormals(before)


weighed_mixture_forward, weighed_mixture_backward = Kernel(_weighed_mixture_forward), Kernel(_weighed_mixture_backward)
