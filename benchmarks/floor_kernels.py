"""Loops that do nothing but arithmetic, on registers: what the processor can do at best."""

from __future__ import annotations

from scansearch.ops.backends.cpu.panel import compiled
from scansearch.ops.backends.cpu.simd import LANES, STATES, add, fma, load_wide, store
from scansearch.ops.backends.cpu.vector_math import exp2


@compiled
def multiply_add(address, rounds):
    """Sixteen vectors of independent chains, so that none waits for itself."""
    a, b, c, d = load_wide(address, 0), load_wide(address, 0), load_wide(address, 0), load_wide(address, 0)
    factor, term = load_wide(address, STATES * LANES), load_wide(address, 2 * STATES * LANES)
    for _ in range(rounds):
        a, b, c, d = fma(a, factor, term), fma(b, factor, term), fma(c, factor, term), fma(d, factor, term)
    store(address, 0, add(add(a, b), add(c, d)))


@compiled
def exponentials(address, rounds):
    """One exponential of a new argument each round, and two more operations."""
    x, total = load_wide(address, 0), load_wide(address, 0)
    less = load_wide(address, 2 * STATES * LANES)
    for _ in range(rounds):
        x = add(x, less)
        total = add(total, exp2(x))
    store(address, 0, total)
