"""The looped network is the same network: logits, loss and every gradient."""

from __future__ import annotations

import pytest
import torch

from benchmarks import derived, supernet_step
from benchmarks.looped import looped
from benchmarks.peers import available_peers
from scansearch.errors import ScansearchError
from scansearch.models import Selection
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

BATCH, GRIDS = 2, [(8, 8)] * 4


@pytest.fixture(scope="module")
def network():
    return supernet_step.supernet("nano")


@pytest.mark.parametrize("name", supernet_step.LOOPED_SCANS)
def test_the_looped_network_learns_the_same(network, name):
    if name not in available_peers():
        pytest.skip(f"{name} is not installed")
    copy = looped(network, available_peers()[name], GRIDS)
    losses = [supernet_step.step(net, BATCH)() for net in (network, copy)]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-5)
    ours = {key: p.grad for key, p in network.named_parameters()}
    theirs = {key.replace(".mixer.mixer.", ".mixer."): p.grad for key, p in copy.named_parameters()}
    assert ours.keys() == theirs.keys()
    for key, grad in ours.items():
        assert grad is not None, key
        assert (grad - theirs[key]).norm() <= 1e-3 * grad.norm() + 1e-7, key


@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain sum"])
def test_some_of_the_directions(network, weighted):
    copy = looped(network, available_peers()["time-major"], GRIDS)
    weights = torch.tensor([0.7, 0.3]) if weighted else None
    chosen = [Selection((5, 2), weights)] * len(network.candidates)
    pixels, _ = supernet_step.images(BATCH)
    with torch.no_grad():
        assert torch.allclose(network(pixels, chosen), copy(pixels, chosen), atol=1e-4)


def test_another_network_is_refused(network):
    other = looped(network, available_peers()["time-major"], GRIDS)
    with torch.no_grad():
        other.head.bias += 1
    with pytest.raises(ScansearchError, match="logits of looped differ by 1"):
        supernet_step.check_same({"ours": network, "looped": other})


@pytest.mark.parametrize("case", derived.TINY, ids=lambda case: case.name)
def test_what_derived_compares_learns_the_same(case):
    networks = derived.contestants(case)
    derived.check_same(case, networks)
    gradients, batch = [], derived.images(case)
    for network in networks.values():
        torch.nn.functional.cross_entropy(derived.logits(network.eval(), batch), batch.targets).backward()
        named = {name.replace(".mixer.mixer.", ".mixer."): p.grad for name, p in network.named_parameters()}
        gradients.append({name.replace(".op.mixer.", ".op."): gradient for name, gradient in named.items()})
    for other in gradients[1:]:
        assert other.keys() == gradients[0].keys()
        for name, gradient in gradients[0].items():
            assert (gradient - other[name]).norm() <= 1e-3 * gradient.norm() + 1e-6, name


def test_windows_with_zero_tokens():
    spec = MODELS.get("local_vmamba_nano").configure(windows="padded")
    shape = ImageShape(14, 10, channels=1, classes=3)
    network = spec.network([["h", "w3", "v_flip"]] * 4, shape).eval()
    copy = looped(network, available_peers()["time-major"], [info.grid for info in spec.layers(shape)])
    pixels = torch.randn(2, 1, 14, 10)
    with torch.no_grad():
        torch.testing.assert_close(copy(pixels), network(pixels), rtol=1e-4, atol=1e-5)


def test_another_derived_network_is_refused():
    networks = derived.contestants(derived.TINY[1])
    with torch.no_grad():
        networks[derived.LOOPED].classifier.head.bias += 1
    with pytest.raises(ScansearchError, match="logits of looped time-major differ by"):
        derived.check_same(derived.TINY[1], networks)
