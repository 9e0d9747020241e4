"""Loss and accuracy of a network, on any number of images."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from scansearch.data import normalise
from scansearch.training.evaluate import evaluate


@pytest.mark.parametrize("limit", [None, 1, 8, 9, 23, 50])
@pytest.mark.parametrize("batch_size", [1, 8, 64])
def test_it_is_that_of_all_images_at_once(feed, data, limit, batch_size):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    found = evaluate(network, data.validation, feed(batch_size=batch_size), limit=limit)
    count = min(limit or 23, 23)
    images, labels = data.validation.batch(torch.arange(count) * 23 // count)
    with torch.no_grad():
        logits = network(normalise(images, data.mean, data.std))
    assert found.loss == pytest.approx(float(F.cross_entropy(logits, labels)), rel=1e-5)
    assert found.accuracy == pytest.approx(float((logits.argmax(1) == labels).double().mean()))


def test_it_measures_in_evaluation_mode_and_leaves_the_mode(feed, data):
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(36, 3))
    for mode in (True, False):
        network.train(mode)
        state = torch.get_rng_state()
        assert evaluate(network, data.test, feed()) == evaluate(network, data.test, feed())
        assert torch.equal(state, torch.get_rng_state())
        assert network.training == mode
    assert network[2].weight.grad is None


def test_more_than_images_goes_to_the_network(feed, data):
    class Scaled(nn.Module):
        def forward(self, images, scale):
            return images.flatten(1)[:, :3] * scale

    assert evaluate(Scaled(), data.test, feed(), 0.0).loss == pytest.approx(1.0986123)
