"""One update of the weights: rate, gradient, clipping, optimiser."""

import math

import pytest
import torch
from torch import nn
from toy_search import ToySupernet

from scansearch.errors import DivergenceError
from scansearch.runs.config import TrainSettings
from scansearch.training.meter import Meter
from scansearch.training.optimizer import weight_optimizer
from scansearch.training.parameter_groups import trained_parameters
from scansearch.training.weights import TUNING_RATE


def rate(found):
    return found.optimizer.param_groups[0]["lr"]


def test_the_rate_warms_up_and_falls(feed, weights):
    found = weights(feed(), epochs=4, warmup_epochs=1, lr=0.1, min_lr=0.01)
    factors = [found.factor(step) for step in range(found.steps + 1)]
    assert factors[0] < 1e-3
    assert factors[5] == max(factors) == 1
    assert factors[-1] == pytest.approx(0.1)
    found.set_rate(5)
    assert rate(found) == 0.1


def test_the_rate_can_stand_still_within_an_epoch(feed, weights):
    """LocalMamba: 1e-7 + (1e-3 - 1e-7) e / 20 in warm-up epoch e, then a cosine step by step down to 1e-6."""
    fed = feed()
    by_step = weights(fed, epochs=100, warmup_epochs=20, lr=1e-3, min_lr=1e-6)
    found = weights(fed, epochs=100, warmup_epochs=20, lr=1e-3, min_lr=1e-6, warmup_by="epoch")
    each = fed.steps_per_epoch
    assert each == 5
    for epoch in range(20):
        wanted = 1e-7 + (1e-3 - 1e-7) * epoch / 20
        for step in range(each * epoch, each * (epoch + 1)):
            assert 1e-3 * found.factor(step) == pytest.approx(wanted, rel=1e-12)
    for step in range(20 * each, 100 * each + 1):
        wanted = 1e-6 + (1e-3 - 1e-6) * (1 + math.cos(math.pi * (step - 20 * each) / (80 * each))) / 2
        assert found.factor(step) == by_step.factor(step)
        assert 1e-3 * found.factor(step) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("warmup", [0, 0.5, 1.4])
def test_the_rate_can_fall_from_epoch_to_epoch(feed, weights, warmup):
    fed = feed()
    by_step = weights(fed, epochs=4, warmup_epochs=warmup)
    found = weights(fed, epochs=4, warmup_epochs=warmup, decay_by="epoch")
    first = round(warmup * 5)
    for step in range(20):
        begun = step if step < first else max(first, step - step % 5)
        assert found.factor(step) == by_step.factor(begun)
    assert found.factor(first) == 1


def test_an_update_is_the_optimisers_with_clipped_gradients(feed, weights):
    fed = feed()
    found = weights(fed, optimizer="sgd", momentum=0.0, weight_decay=0.0, clip_norm=1e-3, lr=1.0)
    before = [p.detach().clone() for p in found.network.parameters()]
    logits, loss = found.backward(fed.train(0))
    assert not loss.requires_grad
    assert not logits.requires_grad
    found.update()
    moved = torch.cat([(a - b).flatten() for a, b in zip(before, found.network.parameters(), strict=True)])
    assert float(moved.detach().norm()) == pytest.approx(1e-3, rel=1e-3)


def gradients(found):
    return [p.grad.clone() for p in found.network.parameters()]


def test_gradients_add_up_until_the_weights_move(feed, weights):
    fed = feed()
    found = weights(fed)
    found.network.eval()
    found.backward(fed.train(0))
    one = gradients(found)
    found.backward(fed.train(1))
    other = gradients(found)
    found.add(fed.train(0))
    assert all(torch.allclose(both, a + b) for both, a, b in zip(gradients(found), one, other, strict=True))


def test_a_student_learns_the_teachers_predictions_and_nothing_where_they_agree(feed, weights):
    fed = feed()
    found, batch = weights(fed, label_smoothing=0.2), fed.train(0)
    found.network.eval()
    logits = found.network(batch.images)
    found.optimizer.zero_grad()
    found.distil(batch, logits)
    assert all(float(g.abs().max()) < 1e-6 for g in gradients(found))  # no label, and no smoothing
    other = torch.randn_like(logits)
    want = torch.autograd.grad(
        -(other.softmax(1) * logits.log_softmax(1)).sum(1).mean(), list(found.network.parameters())
    )
    found.optimizer.zero_grad()
    found.distil(batch, other.requires_grad_())
    assert other.grad is None
    assert all(torch.allclose(g, w, atol=1e-6) for g, w in zip(gradients(found), want, strict=True))


def test_fine_tuning_forgets_and_falls_from_a_tenth(feed, weights):
    fed = feed()
    found = weights(fed)
    found.backward(fed.train(0))
    found.update()
    assert found.optimizer.state
    rates = []
    for update in range(4):
        found.set_tuning_rate(update, 4)
        rates.append(rate(found))
        assert bool(found.optimizer.state) == (update > 0)
        found.backward(fed.train(update))
        found.update()
    assert rates[0] == pytest.approx(TUNING_RATE * 0.01)
    assert rates == sorted(rates, reverse=True)


def test_alpha_is_none_of_a_supernets_weights_and_frozen_ones_none_of_a_networks():
    net = ToySupernet()
    assert [name for name, _ in trained_parameters(net)] == ["readout.weight", "readout.bias"]
    plain = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    plain[0].requires_grad_(False)
    assert [name for name, _ in trained_parameters(plain)] == ["1.weight", "1.bias"]
    decayed, others = weight_optimizer(plain, TrainSettings()).param_groups
    assert (len(decayed["params"]), len(others["params"]), others["weight_decay"]) == (1, 1, 0.0)


def test_a_weight_that_is_not_finite_is_named(feed, weights):
    fed = feed()
    found = weights(fed)
    meter = Meter(fed.processes, 0.01)
    found.check_finite(meter, 3)
    found.network[1].bias.data[0] = float("inf")
    with pytest.raises(DivergenceError, match="the sum of 1.bias became inf at step 3; start anew"):
        found.check_finite(meter, 3)
