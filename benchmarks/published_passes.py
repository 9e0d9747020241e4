"""A layer of LocalMamba's search as its published code computes it: direction after direction, each step a pass of its own.

Read in classification/lib/models/mamba/multi_mamba.py and local_scan.py, and in mamba-1p1p1/mamba_ssm/ops/selective_scan_interface.py
(``mamba_inner_fn_no_out_proj``) and csrc/selective_scan of https://github.com/hunto/LocalMamba. Its search has no mixed precision.
Where a layout may or may not cost one more copy, none is counted.
"""

from __future__ import annotations

from benchmarks.floor import BACKWARD_OPERATIONS, FORWARD_OPERATIONS
from benchmarks.passes import Form, Layer, Pass, around, kept_around

KERNEL_STEPS = 2048
"""Steps after which the published scan writes its state; it also writes the product of the decays."""


def published(s: Layer) -> Form:
    """All directions of a layer: each has the passes of ``_forward`` and ``_backward``; in between, they are mixed."""
    return Form([*around(s), *_forward(s), *_mixture(s), *_backward(s)], {**kept_around(s), **_kept(s)})


def copies(names: tuple[str, ...]) -> tuple[int, int]:
    """Copies that put the tokens of all directions into their orders, and that put the results back.

    A flip is one copy more. Into an order, ``h`` is a copy, too, because the scan wants tokens innermost; back, it is none.
    """
    flips = sum(name.endswith("_flip") for name in names)
    moved = sum(name.removesuffix("_flip") != "h" for name in names)
    return len(names) + flips, moved + flips


def _kept(s: Layer) -> dict[str, float]:
    """What waits for the backward pass, G times each: the convolution's result and the step sizes are computed again."""
    g, p = s.directions, s.plane
    return {
        "x and z in the order of each direction": g * 2 * p,
        "step sizes, B and C; copies of B and C": g * (s.projected + 2 * s.maps),
        "states of the scan": g * _states(s),
        "result of the scan": g * p,
        "the same, gated, in token order": g * p,
        "the same, weighed by SCAttn": g * p,
        "the same, normalised": g * p,
        "mean and scale of two LayerNorms": g * 4 * s.rows,
    }


def _states(s: Layer) -> int:
    return -(-s.tokens // KERNEL_STEPS) * 2 * s.state


def _forward(s: Layer) -> list[Pass]:
    """Forward, up to the branch in token order, weighed by SCAttn. The scan's kernel also applies the gate.

    The scan takes N exponentials a channel and step, one for softplus and one for the gate. LayerNorm wants channels innermost, and
    gets a copy.
    """
    g, p = s.directions, s.plane
    ordered, restored = copies(s.names)
    return [
        Pass("x and z into the order", ordered * 2 * p, ordered * 2 * p),
        Pass("convolution, SiLU", g * p, g * p, g * p, g * s.taps * p),
        Pass("copy for x_proj", g * p, g * p),
        Pass("x_proj", g * p, g * s.projected, multiply_adds=g * s.projected * s.inner),
        Pass("dt_proj", g * s.steps, g * p, multiply_adds=g * s.rank * p),
        Pass("copies of B and C", g * 2 * s.maps, g * 2 * s.maps),
        Pass(
            "scan, gate",
            g * (3 * p + 2 * s.maps),
            g * (2 * p + _states(s)),
            g * (s.states + 2) * p,
            g * FORWARD_OPERATIONS * s.states * p,
        ),
        Pass("result into token order", restored * p, restored * p),
        Pass("SCAttn: copy for LayerNorm", g * p, g * p),
        Pass("SCAttn: LayerNorm", g * p, g * p),
        Pass("SCAttn: mean over tokens", g * p, 0),
        Pass("SCAttn: weigh", g * p, g * p),
    ]


def _mixture(s: Layer) -> list[Pass]:
    """Normalise, stack, weigh and add up all branches, forward and backward; a gradient of all is read once for all."""
    g, p = s.directions, s.plane
    return [
        Pass("mixture: copy for LayerNorm", g * p, g * p),
        Pass("mixture: LayerNorm", g * p, g * p),
        Pass("mixture: stack", g * p, g * p),
        Pass("mixture: weigh", g * p, g * p),
        Pass("mixture: sum", g * p, p),
        Pass("mixture, backward: branches", p, g * p),
        Pass("mixture, backward: weights", (g + 1) * p, g * p),
        Pass("mixture, backward: sum of these", g * p, 0),
        Pass("mixture, backward: copy for LayerNorm", g * p, g * p),
        Pass("mixture, backward: LayerNorm", g * 2 * p, g * p),
    ]


def _backward(s: Layer) -> list[Pass]:
    """Backward, from the weighed branch to the tokens: convolution and step sizes once more, then everything in turn.

    The scan reads u, delta, z, its result and the gradient, writes gradients of u, delta and z and the gated result, and takes N + 3
    exponentials: for the decay, softplus, its slope, and the gate.
    """
    g, p = s.directions, s.plane
    _, restored = copies(s.names)
    x_proj = g * s.projected * s.inner
    return [
        Pass("SCAttn, backward: weigh, branch", g * p, g * p),
        Pass("SCAttn, backward: weigh, weights", g * 2 * p, g * p),
        Pass("SCAttn, backward: sum of these", g * p, 0),
        Pass("SCAttn, backward: mean", 0, g * p),
        Pass("SCAttn, backward: copy for LayerNorm", g * p, g * p),
        Pass("SCAttn, backward: LayerNorm", g * 2 * p, g * p),
        Pass("SCAttn, backward: scale and shift", g * 2 * p, 0),
        Pass("SCAttn, backward: add both gradients", g * 2 * p, g * p),
        Pass("gradient into the order", restored * p, restored * p),
        Pass("convolution, SiLU, again", g * p, g * p, g * p, g * s.taps * p),
        Pass("dt_proj, again", g * s.steps, g * p, multiply_adds=g * s.rank * p),
        Pass(
            "scan, gate, backward",
            g * (5 * p + 2 * s.maps),
            g * (4 * p + 2 * s.maps),
            g * (s.states + 3) * p,
            g * BACKWARD_OPERATIONS * s.states * p,
        ),
        Pass("copies of gradients of B and C", g * 4 * s.maps, g * 4 * s.maps),
        Pass("dt_proj, backward: weight", g * (p + s.steps), 0, multiply_adds=g * s.rank * p),
        Pass("dt_proj, backward: input", g * p, g * s.steps, multiply_adds=g * s.rank * p),
        Pass("copy of the gradient of u", g * p, g * p),
        Pass("copy for x_proj, again", g * p, g * p),
        Pass("x_proj, backward: weight", g * (p + s.projected), 0, multiply_adds=x_proj),
        Pass("x_proj, backward: input, added", g * (p + s.projected), g * p, multiply_adds=x_proj),
        Pass("convolution, SiLU, backward", g * 2 * p, g * p, g * p, g * 3 * s.taps * p),
        Pass("gradients of x and z into token order", restored * 2 * p, restored * 2 * p),
        Pass("add gradients of all directions", (g - 1) * 4 * p, (g - 1) * 2 * p),
    ]
