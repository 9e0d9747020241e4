"""What all gradient strategies do with alpha: from which batch, averaged over the processes, at what rate."""

from dataclasses import replace

import pytest
import torch
from toy_search import ToySupernet, set_alpha, step, strategy

from scansearch.engine.strategy import Plan


def doubled(tensors):
    """In place of an average over processes: what was not averaged is not doubled."""
    return [2 * tensor for tensor in tensors]


def seen_by_adam(found, now):
    caught = {}
    net = found.supernet
    found.optimizer.step = lambda: caught.update(grad=[a.grad.clone() for a in net.alphas])
    torch.manual_seed(1)
    found.before_weights(now)
    return caught["grad"]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("darts", {"level": "bilevel"}),
        ("darts", {"level": "unrolled"}),
        ("gumbel", {"level": "bilevel"}),
        ("binary_gates", {"alpha_warmup": 0.0}),
        ("binary_gates", {"alpha_warmup": 0.0, "paths": "full"}),
    ],
)
def test_gradients_of_alpha_are_averaged_over_the_processes(name, settings):
    net = ToySupernet()
    set_alpha(net, [0.3, -1, 2, 0.5], [1, 0, 0, -1])
    found = strategy(name, net, **settings)
    alone, shared = (seen_by_adam(found, now) for now in (step(net), replace(step(net), mean=doubled)))
    assert all(torch.allclose(2 * a, b) for a, b in zip(alone, shared, strict=True))
    assert any(bool(a.any()) for a in alone)


def test_the_curvature_is_that_of_all_processes_together():
    net = ToySupernet()
    found = strategy("darts", net, curvature="measure")
    found.after_epoch(step(net))
    found.after_epoch(replace(step(net), mean=doubled))
    alone, shared = found.curvature.values
    assert shared == pytest.approx(2 * alone, rel=0.05)


def test_held_out_alpha_learns_from_the_held_out_batch():
    net = ToySupernet()
    found, now = strategy("darts", net, level="bilevel"), step(net)
    want = torch.autograd.grad(now.loss(now.held_out, found.mixture(found.alphas(), 0)), list(net.alphas))
    other = torch.autograd.grad(now.loss(now.train, found.mixture(found.alphas(), 0)), list(net.alphas))
    got = found.alpha_gradients(now)
    assert all(map(torch.allclose, got, want))
    assert not any(map(torch.allclose, got, other))


@pytest.mark.parametrize("level", ["bilevel", "unrolled"])
def test_held_out_alpha_learns_with_the_shortcut(level):
    net = ToySupernet()
    strategy("darts", net, level=level, shortcut=1.0).before_weights(step(net))
    assert {selection.shortcut for call in net.calls for selection in call} == {1.0}


def test_joint_alpha_follows_the_weights_schedule_without_decay():
    net = ToySupernet()
    found, now = strategy("darts", net, alpha_lr=0.1), step(net, schedule=0.25)
    assert isinstance(found.optimizer, torch.optim.AdamW)
    assert found.optimizer.param_groups[0]["weight_decay"] == 0
    now.loss(now.train, found.select(0)).backward()
    found.after_backward(now)
    assert found.alpha_lr() == pytest.approx(0.025)
    assert float(net.alphas[0].detach().abs().max()) == pytest.approx(0.025, rel=1e-3)


def test_held_out_alpha_has_the_published_adam():
    found = strategy("darts", level="bilevel", plan=Plan(50, 390, 0))
    (group,) = found.optimizer.param_groups
    assert type(found.optimizer) is torch.optim.Adam
    assert (group["lr"], group["betas"], group["weight_decay"]) == (3e-4, (0.5, 0.999), 1e-3)


def test_one_shot_judges_genotypes_as_they_are_reported():
    net, calls = ToySupernet(), []
    set_alpha(net, [0, 1, 2, 3], [3, 2, 1, 0])
    found = strategy("darts", net, selection="one_shot", judged=5)
    found.finish(lambda selections: calls.append(selections) or 0.5)
    assert all(torch.equal(s.weights, torch.full((2,), 0.5)) for call in calls for s in call)


@pytest.mark.parametrize(("name", "settings", "want"), [("sigmoid", {"threshold": 0.7}, 0.7), ("darts", {}, None)])
def test_the_selection_knows_the_threshold(name, settings, want):
    found, told = strategy(name, selection="one_shot", **settings), []
    found.derivation.run = lambda *arguments: told.append(arguments[-1])
    found.finish(lambda selections: 0.5)
    assert told == [want]
