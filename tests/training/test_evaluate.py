"""Loss and accuracy of a network, on any number of images."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from scansearch.data import DenseSplit, normalise
from scansearch.data.dense import IGNORED
from scansearch.training.evaluate import Measured, evaluate


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


def of_pixels(split, seed, *, ignored=0.2):
    """The same images with a class for each pixel: 0 and 1; of 2 there is none."""
    random = torch.Generator().manual_seed(seed)
    targets = torch.randint(2, (len(split), 6, 6), generator=random)
    targets[torch.rand(targets.shape, generator=random) < ignored] = IGNORED
    return DenseSplit(split.images, split.labels, targets)


@pytest.mark.parametrize("limit", [None, 1, 9])
@pytest.mark.parametrize("batch_size", [1, 8, 64])
def test_networks_for_pixels_are_ranked_by_the_mean_iou_over_all_images(feed, data, limit, batch_size):
    torch.manual_seed(0)
    network, validation = nn.Conv2d(1, 3, 1), of_pixels(data.validation, 3)
    fed = feed(batch_size=batch_size, train=of_pixels(data.train, 4))
    found = evaluate(network, validation, fed, limit=limit)
    count = min(limit or 23, 23)
    images, targets = validation.batch(torch.arange(count) * 23 // count)
    with torch.no_grad():
        predicted = network(normalise(images, data.mean, data.std)).argmax(1)
    counted, ious = targets != IGNORED, []
    for number in range(3):
        of, taken = (targets == number) & counted, (predicted == number) & counted
        ious += [float((of & taken).sum() / (of | taken).sum())] if (of | taken).any() else []
    assert found.mean_iou == pytest.approx(sum(ious) / len(ious), abs=1e-6)
    assert found.worth == found.mean_iou != found.accuracy


def test_images_without_a_pixel_that_counts_are_worth_nothing(feed, data):
    nothing = of_pixels(data.validation, 0, ignored=2)
    found = evaluate(nn.Conv2d(1, 3, 1), nothing, feed(train=of_pixels(data.train, 4)))
    assert (found.accuracy, found.mean_iou) == (0, 0)


def test_networks_for_images_are_ranked_by_accuracy():
    assert Measured(1.0, 0.7).worth == 0.7
    assert Measured(1.0, 0.7, 0.2).worth == 0.2
