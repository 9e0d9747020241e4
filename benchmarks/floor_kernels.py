"""Loops that do nothing but arithmetic, on registers: what the processor can do at best."""

from __future__ import annotations

from scansearch.ops.backends.cpu.kernel import Kernel
from scansearch.ops.backends.cpu.panel import panel_of, sizes_of
from scansearch.ops.backends.cpu.simd import STATES, add, fma, lanes_at, load_wide, store
from scansearch.ops.backends.cpu.vector_math import exp2


def _multiply_add(values):
    """Sixteen vectors of independent chains, so that none waits for itself."""
    address, wide = panel_of(values, 0).data, STATES * lanes_at(values)
    a, b, c, d = load_wide(address, 0), load_wide(address, 0), load_wide(address, 0), load_wide(address, 0)
    factor, term = load_wide(address, wide), load_wide(address, 2 * wide)
    for _ in range(sizes_of(values).length):
        a, b, c, d = fma(a, factor, term), fma(b, factor, term), fma(c, factor, term), fma(d, factor, term)
    store(address, 0, add(add(a, b), add(c, d)))


def _exponentials(values):
    """One exponential of a new argument each round, and two more operations."""
    address = panel_of(values, 0).data
    x, total = load_wide(address, 0), load_wide(address, 0)
    less = load_wide(address, 2 * STATES * lanes_at(values))
    for _ in range(sizes_of(values).length):
        x = add(x, less)
        total = add(total, exp2(x))
    store(address, 0, total)


multiply_add, exponentials = Kernel(_multiply_add), Kernel(_exponentials)
