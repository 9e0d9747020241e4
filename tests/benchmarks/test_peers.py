"""Whoever is compared computes the same: values and all gradients."""

from __future__ import annotations

import pytest
import torch

from benchmarks import peers, vmamba_scan
from benchmarks.scan import Shape, inputs
from scansearch.errors import ScansearchError
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
    if name == peers.VMAMBA and (reason := vmamba_scan.absent()):
        pytest.skip(reason)
    scan = peers.PEERS.get(name, peers.cpu)
    y, grads = results(scan, inputs(shape))
    expected, expected_grads = results(reference, inputs(shape, torch.float64))
    least = 1e-9 if name == peers.VMAMBA else 1e-12  # it divides by exponentials: what is 0 is not quite
    for what, got, wanted in zip(("y", *NAMES), (y, *grads), (expected, *expected_grads), strict=True):
        assert (got - wanted).norm() <= 1e-4 * wanted.norm() + least, what
    with torch.no_grad():
        assert (scan(*inputs(shape)) - expected).norm() <= 1e-4 * expected.norm()


def test_a_peer_that_is_not_installed_is_left_out_with_a_reason(monkeypatch):
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    monkeypatch.delenv(vmamba_scan.CHECKOUT, raising=False)
    assert set(peers.available_peers()) == {"torch (ours)", "time-major", "unbind"}
    assert "pip install mambapy" in peers.absent_peers()["mambapy"]
    assert "pip install jax" in peers.absent_peers()["JAX lax.scan"]


VMAMBA_FILE = """
def selective_scan_easy(us, dts, As, Bs, Cs, Ds, delta_bias=None, delta_softplus=False, return_last_state=False, chunksize=64):
    (batch, channels, length), groups = us.shape, Bs.shape[1]
    steps = torch.nn.functional.softplus(dts + delta_bias[:, None])
    state, found = torch.zeros(batch, channels, As.shape[1]), []
    for t in range(length):
        drive, out = (maps[..., t].repeat_interleave(channels // groups, 1) for maps in (Bs, Cs))
        state = torch.exp(steps[..., t, None] * As) * state + (steps * us)[..., t, None] * drive
        found.append((state * out).sum(-1) + Ds * us[..., t])
    return torch.stack(found, 2)

from a_module_that_nobody_has import selective_scan_easy
"""
"""A scan of the same signature in a file of the same name, which as VMamba's cannot be imported."""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    file = tmp_path / vmamba_scan.FILE
    file.parent.mkdir(parents=True)
    file.write_text(VMAMBA_FILE)
    monkeypatch.setenv(vmamba_scan.CHECKOUT, str(tmp_path))
    return file


def test_a_scan_in_a_checkout_of_vmamba_is_found_where_the_environment_says(checkout):
    test_values_and_gradients_are_those_of_the_reference_in_float64(peers.VMAMBA, SHAPES[1])
    assert peers.VMAMBA in peers.available_peers()


def test_a_folder_that_is_no_checkout_of_vmamba_is_refused(checkout):
    checkout.write_text("print(1)")
    with pytest.raises(ScansearchError, match="must define selective_scan_easy, but does not"):
        peers.PEERS[peers.VMAMBA](*inputs(SHAPES[0]))
    checkout.unlink()
    with pytest.raises(ScansearchError, match="VMAMBA must be a checkout of MzeroMiko/VMamba, but there is no "):
        peers.PEERS[peers.VMAMBA](*inputs(SHAPES[0]))


def test_without_a_checkout_it_is_left_out_with_a_reason(monkeypatch):
    monkeypatch.delenv(vmamba_scan.CHECKOUT, raising=False)
    assert peers.VMAMBA not in peers.available_peers()
    assert "VMAMBA=FOLDER" in peers.absent_peers()[peers.VMAMBA]
