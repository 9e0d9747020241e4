"""Whoever is compared computes the same: values and all gradients."""

from __future__ import annotations

import pytest
import torch

from benchmarks import peers
from benchmarks.scan import Shape, inputs
from scansearch.ops import selective_scan_grouped

SHAPES = [Shape(1, 2, 1, 4, 4), Shape(3, 2, 7, 5, 3), Shape(2, 3, 16, 8, 4), Shape(2, 1, 37, 16, 16)]
NAMES = ("u", "delta", "A", "B", "C", "D", "delta_bias")


def reference(u, delta, A, B, C, D, delta_bias):
    return selective_scan_grouped(u, delta, A, B, C, D, delta_bias=delta_bias, backend="reference")


def results(scan, tensors):
    y = scan(*tensors)
    grad = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(y)
    return y.detach(), torch.autograd.grad(y, tensors, grad)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["cpu", *peers.PEERS])
def test_values_and_gradients_are_those_of_the_reference_in_float64(name, shape):
    if name in peers.PACKAGES:
        pytest.importorskip(peers.PACKAGES[name])
    scan = peers.PEERS.get(name, peers.cpu)
    y, grads = results(scan, inputs(shape))
    expected, expected_grads = results(reference, inputs(shape, torch.float64))
    for what, got, wanted in zip(("y", *NAMES), (y, *grads), (expected, *expected_grads), strict=True):
        assert (got - wanted).norm() <= 1e-4 * wanted.norm() + 1e-12, what


def test_a_peer_that_is_not_installed_is_left_out_with_a_reason(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    assert set(peers.available_peers()) == {"torch (ours)", "time-major", "unbind"}
    assert "pip install mambapy" in peers.absent_peers()["mambapy"]
    assert "pip install jax" in peers.absent_peers()["JAX lax.scan"]
