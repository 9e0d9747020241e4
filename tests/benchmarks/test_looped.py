"""The looped network is the same network: logits, loss and every gradient."""

from __future__ import annotations

import pytest
import torch

from benchmarks import supernet_step
from benchmarks.peers import available_peers
from scansearch.errors import ScansearchError
from scansearch.models import Selection

BATCH = 2


@pytest.fixture(scope="module")
def network():
    return supernet_step.supernet("nano")


@pytest.mark.parametrize("name", supernet_step.LOOPED_SCANS)
def test_the_looped_network_learns_the_same(network, name):
    if name not in available_peers():
        pytest.skip(f"{name} is not installed")
    copy = supernet_step.looped(network, available_peers()[name])
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
    copy = supernet_step.looped(network, available_peers()["time-major"])
    weights = torch.tensor([0.7, 0.3]) if weighted else None
    chosen = [Selection((5, 2), weights)] * len(network.candidates)
    pixels, _ = supernet_step.images(BATCH)
    with torch.no_grad():
        assert torch.allclose(network(pixels, chosen), copy(pixels, chosen), atol=1e-4)


def test_another_network_is_refused(network):
    other = supernet_step.looped(network, available_peers()["time-major"])
    with torch.no_grad():
        other.head.bias += 1
    with pytest.raises(ScansearchError, match="logits of looped differ by 1"):
        supernet_step.check_same({"ours": network, "looped": other})
