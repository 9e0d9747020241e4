"""Restoring the order of tokens, with or without the gate, in the ``cpu`` backend: tensors for its kernels, and back."""

from __future__ import annotations

import torch

from scansearch.ops.backends.cpu.gate_kernels import gate_backward, gate_forward
from scansearch.ops.backends.cpu.lanes import blocks_of, width_of
from scansearch.ops.backends.cpu.panel import Sizes, cut, index_panel, whole_vectors
from scansearch.ops.shapes import expect, expect_float32, expect_range

Tensor = torch.Tensor


def forward(y: Tensor, z: Tensor, inverse: Tensor) -> Tensor:
    """(G, B, L, D)."""
    expect("z", z, (y.shape[1], inverse.shape[1], y.shape[3]), "(B, L, D)")
    expect("inverse", inverse, (y.shape[0], inverse.shape[1]), "(G, L)")
    expect_float32(y=y, z=z)
    expect_range("inverse", inverse, 0, y.shape[2])
    whole, sizes = whole_vectors(y), _sizes(y, inverse)
    out = y.new_empty(*y.shape[:2], sizes.tokens, whole.shape[3])
    if out.numel():
        gate_forward(sizes.batch, sizes, whole, whole_vectors(z)[None], index_panel(inverse), out)
    return cut(out, y.shape[3])


def backward(dout: Tensor, y: Tensor, z: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of y and z."""
    if not dout.numel():
        return y.new_zeros(y.shape), z.new_zeros(z.shape)
    whole, gates, sizes = whole_vectors(y), whole_vectors(z), _sizes(y, inverse)
    # Only positions of zero tokens stay unwritten, and only padded windows have them.
    make = torch.zeros_like if sizes.length > sizes.tokens else torch.empty_like
    dy = make(whole, memory_format=torch.contiguous_format)
    dz = torch.empty_like(gates, memory_format=torch.contiguous_format)
    gate_backward(sizes.batch, sizes, whole, gates[None], index_panel(inverse), whole_vectors(dout), dy, dz[None])
    return cut(dy, y.shape[3]), cut(dz, y.shape[3])


def _sizes(y: Tensor, inverse: Tensor) -> Sizes:
    groups, batch, length, channels = y.shape
    return Sizes(groups, batch, length, inverse.shape[1], width_of(channels), 0, blocks_of(channels), 1, 0)
