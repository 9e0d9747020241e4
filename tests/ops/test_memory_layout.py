"""Gradients come in every layout, and their copies live as long as the kernel that reads them."""

import pytest
import torch

from scansearch.ops import (
    mixture,
    norm_reduce,
    reorder_conv_silu,
    restore_gate,
    selective_scan_grouped,
    weigh,
    weighed_mixture,
)

G, B, L, D, N = 2, 2, 4000, 64, 4
"""Large enough for an allocator that gives freed memory back to the system at once."""


def conv(x, weight, bias, backend):
    return reorder_conv_silu(x[0], ORDER, weight, bias, backend=backend)


def gate(y, z, backend):
    return restore_gate(y, z[0], ORDER, ORDER, backend=backend)


def scan(u, delta, A, B, C, D, backend):
    return selective_scan_grouped(u, delta, A, B, C, D, backend=backend)


def reduce(x, weight, backend):
    return torch.cat([part.flatten() for part in norm_reduce(x, weight, backend=backend)[1:]])


ORDER = torch.stack([torch.arange(L), torch.arange(L).flip(0)])
CASES = {
    "reorder_conv_silu": (conv, [(1, B, L, D), (G, D, 4), (G, D)]),
    "restore_gate": (gate, [(G, B, L, D), (1, B, L, D)]),
    "selective_scan": (scan, [(G, B, L, D), (G, B, L, D), (G, D, N), (G, B, L, N), (G, B, L, N), (G, D)]),
    "mixture": (mixture, [(G, B, L, D), (G,)]),
    "weigh": (weigh, [(G, B, L, D), (G, B, D), (G, B, L)]),
    "weighed_mixture": (weighed_mixture, [(G, B, L, D), (G, B, D), (G, B, L), (G,)]),
    "norm_reduce": (reduce, [(G, B, L, D), (4, D)]),
}


def gradients(operation, shapes, cotangent):
    generator = torch.Generator().manual_seed(0)
    leaves = [torch.randn(shape, generator=generator) for shape in shapes]
    if operation is scan:
        leaves[2] = -leaves[2].abs()
    leaves = [leaf.requires_grad_() for leaf in leaves]
    result = operation(*leaves, backend="cpu")
    return torch.autograd.grad(result, leaves, cotangent(result))


@pytest.mark.parametrize(("operation", "shapes"), CASES.values(), ids=CASES)
def test_a_gradient_that_is_a_view_gives_what_its_copy_gives(operation, shapes):
    want = gradients(operation, shapes, torch.ones_like)
    expanded = gradients(operation, shapes, lambda result: torch.ones(()).expand(result.shape))
    strided = gradients(operation, shapes, lambda result: torch.ones(*result.shape, 2)[..., 1])
    for got in (expanded, strided):
        assert all(map(torch.equal, got, want))
