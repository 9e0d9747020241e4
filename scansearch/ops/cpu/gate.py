"""Restoring the order of tokens, with or without the gate, in the ``cpu`` backend for autograd."""

from __future__ import annotations

from typing import Any

import torch

from scansearch.ops.cpu.gate_kernels import gate_backward, gate_forward
from scansearch.ops.cpu.panel import Sizes, blocks_of, whole_vectors
from scansearch.ops.derivative import first_derivative_only
from scansearch.ops.gather import gather_rows


def restore_gate(y: torch.Tensor, z: torch.Tensor | None, order: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    """See ``scansearch.ops.restore_gate``; without z, ``restore_order``, which is a gather and needs no kernel."""
    if z is None:
        return gather_rows(y, inverse, order)
    out: torch.Tensor = _RestoreGate.apply(whole_vectors(y), whole_vectors(z), inverse.contiguous())
    return out[..., : y.shape[3]]


class _RestoreGate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Any, z: Any, inverse: Any) -> torch.Tensor:
        groups, batch, length, channels = y.shape
        tokens = inverse.shape[1]
        out = y.new_empty(groups, batch, tokens, channels)
        sizes = Sizes(groups, batch, length, tokens, channels, 0, blocks_of(channels), 1, 0)
        if out.numel():
            gate_forward(batch, sizes, y, z[None], inverse[:, None, None], out)
        ctx.save_for_backward(y, z, inverse)
        ctx.sizes = sizes
        return out

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, dout: torch.Tensor) -> tuple[Any, ...]:
        y, z, inverse = ctx.saved_tensors
        sizes: Sizes = ctx.sizes
        # Only positions of zero tokens stay unwritten, and only padded windows have them.
        make = torch.zeros_like if sizes.length > sizes.tokens else torch.empty_like
        dy = make(y, memory_format=torch.contiguous_format)
        make = torch.empty_like if dout.numel() else torch.zeros_like
        dz = make(z, memory_format=torch.contiguous_format)
        if dout.numel():
            given = (y, z[None], inverse[:, None, None], whole_vectors(dout))
            gate_backward(sizes.batch, sizes, *given, dy, dz[None])
        return dy, dz, None
