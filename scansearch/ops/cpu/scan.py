"""The selective scan of the ``cpu`` backend for autograd."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from scansearch.ops import time_major
from scansearch.ops.cpu.blocked import blocked, unblocked
from scansearch.ops.cpu.kernel import thread_count
from scansearch.ops.cpu.panel import Sizes, blocks_of, whole_vectors
from scansearch.ops.cpu.scan_backward import scan_backward
from scansearch.ops.cpu.scan_forward import CHUNK, scan_forward
from scansearch.ops.cpu.simd import LANES, STATES
from scansearch.ops.cpu.vector_math import LOG2_E
from scansearch.ops.derivative import first_derivative_only
from scansearch.ops.shapes import ScanInputs


def scan(inputs: ScanInputs, delta_softplus: bool) -> torch.Tensor:
    """See ``selective_scan_grouped``."""
    u, delta, A, B, C, D, z, delta_bias = inputs
    if u.numel() == 0 or A.shape[2] == 0:
        return time_major.scan(inputs, delta_softplus)
    zeros = u.new_zeros(u.shape[0], u.shape[3])
    extra = -A.shape[2] % STATES
    B, C = (F.pad(t, (0, extra)) if extra else t for t in (B, C))
    y: torch.Tensor = _Scan.apply(
        whole_vectors(u),
        whole_vectors(delta),
        A,
        B,
        C,
        zeros if D is None else D,
        zeros if delta_bias is None else delta_bias,
        delta_softplus,
    )
    y = y[..., : u.shape[3]]
    return y if z is None else y * F.silu(z)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Any, delta: Any, A: Any, B: Any, C: Any, D: Any, bias: Any, softplus: bool) -> Any:
        groups, batch, length, channels = u.shape
        blocks, states, chunks = blocks_of(channels), B.shape[3], -(-length // CHUNK)
        panels = groups * batch
        splits = min(blocks, -(-2 * thread_count(panels * blocks) // panels))
        sizes = Sizes(groups, batch, length, length, channels, states, blocks, splits, int(softplus))
        # The kernel takes powers of two, and rates and constants with LANES channels innermost.
        rates = blocked(A.transpose(1, 2) * LOG2_E, states)
        constants = blocked(torch.stack([D, bias], 1), 2)
        kept = u.new_empty(panels, blocks, chunks - 1, states * LANES) if any(ctx.needs_input_grad) else None
        y = torch.empty_like(u, memory_format=torch.contiguous_format)
        scan_forward(panels * splits, sizes, u, delta, y, B, C, rates, constants, kept)
        ctx.save_for_backward(u, delta, B, C, rates, constants, kept)
        ctx.sizes, ctx.given = sizes, A.shape
        return y

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[Any, ...]:
        u, delta, B, C, rates, constants, kept = ctx.saved_tensors
        sizes: Sizes = ctx.sizes
        panels = sizes.groups * sizes.batch
        du, ddelta, dB, dC = (torch.empty_like(t, memory_format=torch.contiguous_format) for t in (u, delta, B, C))
        dA = u.new_empty(panels, sizes.blocks, 1, sizes.states * LANES)
        dconstants = u.new_empty(panels, sizes.blocks, 1, 2 * LANES)
        given = (u, delta, whole_vectors(dy), B, C, rates, constants, kept)
        scan_backward(panels, sizes, *given, du, ddelta, dB, dC, dA, dconstants)
        _, width, states = ctx.given
        dA = unblocked(dA, sizes, sizes.states)[:, :states, :width].transpose(1, 2)
        dD, dbias = unblocked(dconstants, sizes, 2)[..., :width].unbind(1)
        return du, ddelta, dA, dB, dC, dD, dbias, None
