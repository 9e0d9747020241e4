"""x times a weight a channel times a weight a token, in one pass, and all three gradients in another. A task is one panel."""

from __future__ import annotations

from scansearch.ops.backends.cpu.kernel import Kernel
from scansearch.ops.backends.cpu.machine import flush_denormals, restore_denormals, take_ticket
from scansearch.ops.backends.cpu.panel import compiled, panel_of, row_of, sizes_of
from scansearch.ops.backends.cpu.simd import (
    fill,
    fma,
    lanes_at,
    load,
    load_scalar,
    multiply,
    store,
    store_scalar,
    sum_narrow,
)


@compiled
def _forward_panel(values, group, batch):
    sizes, x, channel, token = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 2)
    out, lanes = panel_of(values, 3), lanes_at(values)
    x_row, out_row = row_of(x, group, batch, 0), row_of(out, group, batch, 0)
    channel_row, token_row = row_of(channel, group, batch, 0), row_of(token, group, batch, 0)
    for i in range(sizes.tokens):
        s = fill(values, load_scalar(token_row, i * token.step))
        for first in range(0, sizes.channels, lanes):
            weight = multiply(load(channel_row, first), s)
            store(out_row, i * out.step + first, multiply(load(x_row, i * x.step + first), weight))


@compiled
def _backward_panel(values, group, batch):
    sizes, x, channel, token = sizes_of(values), panel_of(values, 0), panel_of(values, 1), panel_of(values, 2)
    dout, dx, dchannel, dtoken = panel_of(values, 3), panel_of(values, 4), panel_of(values, 5), panel_of(values, 6)
    x_row, dx_row, dout_row = row_of(x, group, batch, 0), row_of(dx, group, batch, 0), row_of(dout, group, batch, 0)
    channel_row, token_row = row_of(channel, group, batch, 0), row_of(token, group, batch, 0)
    dchannel_row, dtoken_row = row_of(dchannel, group, batch, 0), row_of(dtoken, group, batch, 0)
    lanes = lanes_at(values)
    for first in range(0, sizes.channels, lanes):
        store(dchannel_row, first, fill(values, 0.0))
    for i in range(sizes.tokens):
        s, total = fill(values, load_scalar(token_row, i * token.step)), fill(values, 0.0)
        for first in range(0, sizes.channels, lanes):
            c, g = load(channel_row, first), load(dout_row, i * dout.step + first)
            store(dx_row, i * dx.step + first, multiply(g, multiply(c, s)))
            product = multiply(g, load(x_row, i * x.step + first))
            store(dchannel_row, first, fma(product, s, load(dchannel_row, first)))
            total = fma(product, c, total)
        store_scalar(dtoken_row, i * dtoken.step, sum_narrow(total))


@compiled
def _forward(values):
    sizes = sizes_of(values)
    task = take_ticket(values)
    while task < sizes.groups * sizes.batch:
        _forward_panel(values, task // sizes.batch, task % sizes.batch)
        task = take_ticket(values)


@compiled
def _backward(values):
    sizes = sizes_of(values)
    task = take_ticket(values)
    while task < sizes.groups * sizes.batch:
        _backward_panel(values, task // sizes.batch, task % sizes.batch)
        task = take_ticket(values)


def _weigh_forward(values):
    before = flush_denormals()
    _forward(values)
    restore_denormals(before)


def _weigh_backward(values):
    before = flush_denormals()
    _backward(values)
    restore_denormals(before)


weigh_forward, weigh_backward = Kernel(_weigh_forward), Kernel(_weigh_backward)
