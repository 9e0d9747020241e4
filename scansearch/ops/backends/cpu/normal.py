"""Normalising one token over its channels, for the kernels that need LayerNorm without affine parameters."""

from __future__ import annotations

import numpy as np

from scansearch.ops.backends.base import EPS
from scansearch.ops.backends.cpu.panel import inlined
from scansearch.ops.backends.cpu.simd import (
    add,
    fill,
    fma,
    lanes_at,
    load,
    multiply,
    store,
    store_scalar,
    subtract,
    sum_narrow,
)


@inlined
def fill_mask(sizes, mask):
    """Ones for the channels, zeros for what fills up their last block."""
    for channel in range(sizes.blocks * lanes_at(mask)):
        store_scalar(mask, channel, 1.0 if channel < sizes.channels else 0.0)


@inlined
def copy_token(row, i, sizes, token):
    """Copies the channels at ``row[i:]`` to ``token``."""
    lanes = lanes_at(token)
    for first in range(0, sizes.blocks * lanes, lanes):
        store(token, first, load(row, i + first))


@inlined
def normalise(sizes, token, mask):
    """Subtracts the mean from ``token`` and returns 1 / std."""
    lanes, total, square = lanes_at(token), fill(token, 0.0), fill(token, 0.0)
    for first in range(0, sizes.blocks * lanes, lanes):
        total = add(total, load(token, first))
    mean = fill(token, sum_narrow(total) / np.float32(sizes.channels))
    for first in range(0, sizes.blocks * lanes, lanes):
        centred = multiply(subtract(load(token, first), mean), load(mask, first))
        store(token, first, centred)
        square = fma(centred, centred, square)
    variance = sum_narrow(square) / np.float32(sizes.channels)
    return np.float32(1.0) / np.sqrt(variance + np.float32(EPS))
