"""A layer of the same search as the kernels of scansearch's backend ``triton`` compute it: many directions in one call.

Read in scansearch/ops/backends/triton and scansearch/ops/branches.py. Tokens are read through the order tables; no direction has a copy
of them. For SCAttn over channels alone, the released form, and sequences that the scan does not cut (fewer than
``scansearch.ops.backends.triton.tiles.LONG`` steps).
"""

from __future__ import annotations

from benchmarks.floor import BACKWARD_OPERATIONS, FORWARD_OPERATIONS
from benchmarks.passes import Form, Layer, Pass, around, kept_around
from scansearch.models.supernet import CHUNK, MOST_TOGETHER
from scansearch.ops.backends.triton.tiles import Tile

TOGETHER = CHUNK["recompute"]
"""Directions that ``mixture=recompute`` computes again at a time."""


def kept_mixture(s: Layer) -> Form:
    """``mixture=keep``: all directions, up to ``MOST_TOGETHER`` a call, wait for the backward pass."""
    calls = -(-s.directions // MOST_TOGETHER)
    added = Pass("add gradients of x and z of calls", (calls - 1) * 4 * s.plane, (calls - 1) * 2 * s.plane)
    passes = [*around(s), *_forward(s, calls), *_backward(s, calls), added, _split(s)]
    return Form(passes, {**kept_around(s), **_inputs(s), **_kept(s)})


def recomputed_mixture(s: Layer, together: int = TOGETHER) -> Form:
    """``mixture=recompute``: a forward pass that keeps nothing; in the backward pass ``together`` directions at a time once more."""
    calls, p = -(-s.directions // together), s.plane
    again = [each._replace(name=f"{each.name}, again") for each in _forward(s, calls)]
    added = Pass("add gradients of x and z to zeros", calls * 4 * p, (calls + 1) * 2 * p)
    passes = [*around(s), *_forward(s, calls), *again, *_backward(s, calls), added, _split(s)]
    chunk = sum(_kept(s).values()) * min(together, s.directions) / s.directions
    return Form(passes, {**kept_around(s), **_inputs(s)}, chunk, calls)


def _inputs(s: Layer) -> dict[str, float]:
    return {"x and z": 2 * s.plane}


def _kept(s: Layer) -> dict[str, float]:
    """What waits for the backward pass of the branches, G times each."""
    g, p = s.directions, s.plane
    return {
        "u, the convolution's result": g * p,
        "step sizes, B and C": g * s.projected,
        "step sizes of all channels": g * p,
        "states before tiles of the scan": g * _tile(s).count(s.tokens) * s.state,
        "result of the scan, gated, in token order": g * p,
        "mean and scale of a LayerNorm": g * 2 * s.rows,
    }


def _tile(s: Layer) -> Tile:
    return Tile.of(s.tokens, s.inner)


def _split(s: Layer) -> Pass:
    return Pass("gradients of x and z side by side", 2 * s.plane, 2 * s.plane)


def _forward(s: Layer, calls: int) -> list[Pass]:
    """Forward. A call first copies x and z, which lie side by side; the scan takes N exponentials, for softplus and gate one each."""
    g, p = s.directions, s.plane
    states = _tile(s).count(s.tokens) * s.state
    return [
        Pass("copies of x and z", calls * 2 * p, calls * 2 * p),
        Pass("visit: order, convolution, SiLU", g * p, g * p, g * p, g * s.taps * p),
        Pass("x_proj", g * p, g * s.projected, multiply_adds=g * s.projected * s.inner),
        Pass("dt_proj", g * s.steps, g * p, multiply_adds=g * s.rank * p),
        Pass("copies of B and C", g * 2 * s.maps, g * 2 * s.maps),
        Pass(
            "scan, gate, into token order",
            g * (3 * p + 2 * s.maps),
            g * (p + states),
            g * (s.states + 2) * p,
            g * FORWARD_OPERATIONS * s.states * p,
        ),
        Pass("SCAttn: mean and scale", g * p, g * 2 * s.rows),
        Pass("SCAttn: mean over tokens", g * (p + 2 * s.rows), 0),
        Pass("SCAttn and mixture: weigh, normalise, sum", g * p, calls * p),
        Pass("add up calls", (calls - 1) * 2 * p, (calls - 1) * p),
    ]


def _backward(s: Layer, calls: int) -> list[Pass]:
    """Backward. The scan takes 2 N + 5 exponentials: decays at and after each step, softplus of it and its neighbours, its slope, the gate.

    Gradients of B and C are written in parts, one a block of channels, and added up, so that they come out the same every time.
    """
    g, p = s.directions, s.plane
    tile, x_proj = _tile(s), g * s.projected * s.inner
    states, parts = tile.count(s.tokens) * s.state, tile.blocks(s.inner) * 2 * s.maps
    return [
        Pass("SCAttn and mixture, backward", g * p + calls * p, g * p),
        Pass("SCAttn, backward: norm, added", g * 2 * (p + s.rows), g * p),
        Pass("backward: copies of x and z", calls * 2 * p, calls * 2 * p),
        Pass("backward: copies of B and C", g * 2 * s.maps, g * 2 * s.maps),
        Pass("scan, backward: zeros to add to", 0, g * 4 * s.state),
        Pass(
            "scan and gate, backward",
            g * (4 * p + 2 * s.maps + states),
            g * (3 * p + parts),
            g * (2 * s.states + 5) * p,
            g * (BACKWARD_OPERATIONS + 1) * s.states * p,
        ),
        Pass("scan, backward: sums of parts", g * (parts + s.state), g * 2 * s.maps),
        Pass("gate, backward: sum over directions", g * p, calls * p),
        Pass("dt_proj, backward: weight", g * (p + s.steps), 0, multiply_adds=g * s.rank * p),
        Pass("dt_proj, backward: input", g * p, g * s.steps, multiply_adds=g * s.rank * p),
        Pass("dt, B and C side by side", g * s.projected, g * s.projected),
        Pass("x_proj, backward: weight", g * (p + s.projected), 0, multiply_adds=x_proj),
        Pass("x_proj, backward: input", g * s.projected, g * p, multiply_adds=x_proj),
        Pass("add both gradients of u", g * 2 * p, g * p),
        Pass("visit, backward: before SiLU, weight", g * 2 * p, g * p, g * p, g * 2 * s.taps * p),
        Pass("visit, backward: tokens", g * p, calls * p, multiply_adds=g * s.taps * p),
    ]
