"""The moving average of weights."""

import copy

import torch
from torch import nn

from scansearch.training.ema import MovingAverage


def test_it_is_the_recursion_of_its_docstring():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    average = MovingAverage(network, 0.3)
    expected = copy.deepcopy(network[0].weight.detach()).double()
    for step in range(6):
        with torch.no_grad():
            network[0].weight.normal_()
            network[1].running_mean.normal_()
        average.update(network, step)
        decay = min(0.3, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network[0].weight.double()
    torch.testing.assert_close(average.network[0].weight.double(), expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(average.network[1].running_mean, network[1].running_mean)
    assert not average.network.training
    assert not any(p.requires_grad for p in average.network.parameters())


def test_the_device_is_not_waited_for(waits):
    network = nn.Linear(3, 2)
    average = MovingAverage(network, 0.9)
    average.update(network, 5)
    assert waits == []
