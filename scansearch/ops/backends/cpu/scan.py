"""The selective scan of the ``cpu`` backend: tensors for its kernels, and the other way round."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from scansearch.ops.backends.cpu.blocked import blocked, unblocked
from scansearch.ops.backends.cpu.kernel import thread_count
from scansearch.ops.backends.cpu.lanes import blocks_of, lanes_for
from scansearch.ops.backends.cpu.panel import Sizes, cut, whole_vectors
from scansearch.ops.backends.cpu.scan_backward import scan_backward
from scansearch.ops.backends.cpu.scan_forward import CHUNK, scan_forward
from scansearch.ops.backends.cpu.simd import STATES
from scansearch.ops.backends.cpu.vector_math import LOG2_E
from scansearch.ops.shapes import ScanInputs, check_scan, expect_float32

Tensor = torch.Tensor


def kept_shape(shape: Sequence[int], states: int) -> tuple[int, int, int, int]:
    """Shape of the states that the backward pass starts from, for u's ``shape``."""
    groups, batch, length, channels = shape
    chunks, vectors = max(0, -(-length // CHUNK) - 1), _whole_states(states)
    return groups * batch, blocks_of(channels), chunks, vectors * lanes_for(channels)


def forward(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor, softplus: bool, keep: bool
) -> tuple[Tensor, Tensor]:
    """y, and the states at the start of every chunk but the first; nothing of these unless ``keep``."""
    check_scan(ScanInputs(u, delta, A, B, C, D, None, bias))
    expect_float32(u=u, delta=delta, A=A, B=B, C=C, D=D, bias=bias)
    kept = u.new_empty(kept_shape(u.shape, A.shape[2]) if keep else 0)
    if not u.numel():
        return u.new_empty(u.shape), kept
    x, raw, B, C, rates, constants = _prepared(u, delta, A, B, C, D, bias)
    panels, blocks = u.shape[0] * u.shape[1], blocks_of(u.shape[3])
    splits = min(blocks, -(-2 * thread_count(panels * blocks) // panels))
    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    sizes = _sizes(x, B, splits, softplus)
    scan_forward(panels * splits, sizes, x, raw, y, B, C, rates, constants, kept if keep else None)
    return cut(y, u.shape[3]), kept


def backward(
    dy: Tensor,
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    bias: Tensor,
    softplus: bool,
    keep: bool,
    kept: Tensor,
) -> tuple[Tensor, ...]:
    """Gradients of u, delta, A, B, C, D and bias."""
    if not keep:
        raise RuntimeError("the backward pass of scansearch::cpu_scan needs a forward pass with keep=True")
    if not u.numel():
        return tuple(torch.zeros_like(t, memory_format=torch.contiguous_format) for t in (u, delta, A, B, C, D, bias))
    (_, width, states), maps = A.shape, B.shape
    x, raw, B, C, rates, constants = _prepared(u, delta, A, B, C, D, bias)
    sizes = _sizes(x, B, 1, softplus)
    panels = sizes.groups * sizes.batch
    du, draw, dB, dC = (torch.empty_like(t, memory_format=torch.contiguous_format) for t in (x, raw, B, C))
    dA = u.new_empty(panels, sizes.blocks, 1, sizes.states * sizes.lanes)
    dconstants = u.new_empty(panels, sizes.blocks, 1, 2 * sizes.lanes)
    given = (x, raw, whole_vectors(dy), B, C, rates, constants, kept)
    scan_backward(panels, sizes, *given, du, draw, dB, dC, dA, dconstants)
    dA = unblocked(dA, sizes, sizes.states)[:, :states, :width].transpose(1, 2).contiguous()
    dD, dbias = (t.contiguous() for t in unblocked(dconstants, sizes, 2)[..., :width].unbind(1))
    return cut(du, width), cut(draw, width), dA, cut(dB, maps[3]), cut(dC, maps[3]), dD, dbias


def _whole_states(states: int) -> int:
    return max(1, -(-states // STATES)) * STATES


def _prepared(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
    """What the kernels read: powers of two, whole vectors of channels and states, constants with the lanes innermost."""
    states = _whole_states(A.shape[2])
    if extra := states - A.shape[2]:
        B, C = F.pad(B, (0, extra)), F.pad(C, (0, extra))
    rates, constants = blocked(A.transpose(1, 2) * LOG2_E, states), blocked(torch.stack([D, bias], 1), 2)
    return whole_vectors(u), whole_vectors(delta), B, C, rates, constants


def _sizes(x: Tensor, B: Tensor, splits: int, softplus: bool) -> Sizes:
    groups, batch, length, width = x.shape
    return Sizes(groups, batch, length, length, width, B.shape[3], blocks_of(width), splits, int(softplus))
