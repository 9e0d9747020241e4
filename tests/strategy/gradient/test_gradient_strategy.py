"""What all gradient strategies do with alpha: from which batch, averaged over the processes, at what rate."""

import copy
import threading
from dataclasses import replace
from functools import partial

import pytest
import torch
from toy_search import Oracle, ToySupernet, set_alpha, space, step, strategy

from scansearch.runs.tables import MetricsRow
from scansearch.strategy.gradient.gradient_strategy import LEARNT
from scansearch.strategy.step import Batch, Plan


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
        ("darts", {"alpha_warmup": 0.0, "level": "bilevel"}),
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


class Exchange:
    """Averages between threads, each of which plays a process."""

    def __init__(self, ranks):
        self.barrier, self.slots = threading.Barrier(ranks, timeout=60), [None] * ranks

    def mean(self, rank, tensors):
        self.slots[rank] = tensors
        self.barrier.wait()
        means = [torch.stack(same).mean(0) for same in zip(*self.slots, strict=True)]
        self.barrier.wait()
        return means


@pytest.mark.parametrize("level", ["bilevel", "unrolled"])
def test_two_processes_have_the_gradient_of_all_images_together(level):
    net = ToySupernet()
    set_alpha(net, [0.3, -1, 2, 0.5], [1, 0, 0, -1])
    nets, exchange, got = [copy.deepcopy(net), copy.deepcopy(net)], Exchange(2), [None, None]

    def shard(now, rank):
        parts = [Batch(b.images[rank:4:2], b.targets[rank:4:2]) for b in (now.train, now.held_out)]
        return replace(now, train=parts[0], make_held_out=lambda: parts[1], mean=partial(exchange.mean, rank))

    def work(rank):
        found = strategy("darts", nets[rank], level=level)
        got[rank] = found.alpha_gradients(shard(step(nets[rank]), rank))

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = step(net)
    whole = replace(
        now,
        train=Batch(now.train.images[:4], now.train.targets[:4]),
        make_held_out=lambda: Batch(now.held_out.images[:4], now.held_out.targets[:4]),
    )
    want = strategy("darts", net, level=level).alpha_gradients(whole)
    for rank in range(2):
        assert all(torch.allclose(a, b, rtol=2e-3, atol=1e-6) for a, b in zip(got[rank], want, strict=True))


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
    strategy("darts", net, level=level, alpha_warmup=0.0, shortcut=1.0).before_weights(step(net))
    assert {selection.shortcut for call in net.calls for selection in call} == {1.0}


def test_joint_alpha_follows_the_weights_schedule_without_decay():
    net = ToySupernet()
    found, now = strategy("darts", net, alpha_warmup=0.0, alpha_lr=0.1), step(net, schedule=0.25)
    assert isinstance(found.optimizer, torch.optim.AdamW)
    assert found.optimizer.param_groups[0]["weight_decay"] == 0
    now.loss(now.train, found.select(0)).backward()
    found.after_backward(now)
    assert found.alpha_lr() == pytest.approx(0.025)
    assert float(net.alphas[0].detach().abs().max()) == pytest.approx(0.025, rel=1e-3)


def test_held_out_alpha_has_the_published_adam():
    found = strategy("darts", level="bilevel", alpha_warmup=0.0, plan=Plan(50, 390, 0))
    (group,) = found.optimizer.param_groups
    assert type(found.optimizer) is torch.optim.Adam
    assert (group["lr"], group["betas"], group["weight_decay"]) == (3e-4, (0.5, 0.999), 1e-3)


def test_one_shot_judges_genotypes_as_they_are_reported():
    net, oracle = ToySupernet(), Oracle(lambda selections: 0.5)
    set_alpha(net, [0, 1, 2, 3], [3, 2, 1, 0])
    found = strategy("darts", net, selection="one_shot", judged=5)
    found.finish(oracle)
    calls = oracle.asked
    choices = [tuple(s.indices for s in call) for call in calls]
    same = [zip(call, found.derived(choice), strict=True) for call, choice in zip(calls, choices, strict=True)]
    assert all(torch.equal(s.weights, own.weights) for pairs in same for s, own in pairs)
    assert (0.5, 0.5) not in {tuple(s.weights.tolist()) for call in calls for s in call}


@pytest.mark.parametrize("name", ["darts", "progressive", "partial_channel"])
def test_a_sub_network_of_a_mixture_keeps_the_proportions_of_its_branches(name):
    net = ToySupernet()
    set_alpha(net, [0, 1, 2, 3], [0, 0, 0, 0])
    one, two = strategy(name, net).derived(((1, 3), (0, 1, 2)))
    assert torch.allclose(one.weights, torch.tensor([1.0, 3.0]).softmax(0))
    assert torch.allclose(two.weights, torch.full((3,), 1 / 3))
    assert not one.weights.requires_grad


@pytest.mark.parametrize("name", ["gumbel", "binary_gates"])
def test_a_draw_is_judged_as_it_ran_equally_weighted(name):
    net = ToySupernet()
    set_alpha(net, [0, 1, 2, 3], [0, 0, 0, 0])
    assert [s.weights.tolist() for s in strategy(name, net).derived(((1, 3), (0, 2)))] == [[0.5, 0.5]] * 2


def test_branches_that_the_mixture_has_dropped_are_equal_among_themselves():
    found = strategy("progressive", bound=space(keep=1))
    found.left = [[2, 3], [0, 1]]
    one, two = found.derived(((0, 1), (1, 2)))
    assert torch.allclose(one.weights, torch.tensor([0.5, 0.5]))
    assert torch.allclose(two.weights, torch.tensor([1.0, 0.0]))


@pytest.mark.parametrize(("name", "settings", "want"), [("sigmoid", {"threshold": 0.7}, 0.7), ("darts", {}, None)])
def test_the_selection_knows_the_threshold(name, settings, want):
    found, told = strategy(name, selection="one_shot", **settings), []
    found.derivation.run = lambda *arguments: told.append(arguments[4])
    found.finish(Oracle(lambda selections: 0.5))
    assert told == [want]


def epoch_row(accuracy, measure="accuracy"):
    return MetricsRow(1, 10, 0.1, accuracy, 0.1, accuracy, accuracy, measure, 0.1, 0.1, 1.0, 0.0, 0)


@pytest.mark.parametrize(
    ("name", "settings", "begins", "smaller"),
    [
        ("darts", {"alpha_warmup": 0.3}, 4, "alpha_warmup"),
        ("darts", {"alpha_warmup": 0.25}, 3, "alpha_warmup"),  # in the middle of the third epoch
        ("darts", {"alpha_warmup": 0.0}, None, ""),
        ("darts", {"alpha_warmup": 0.999}, None, ""),  # never
        ("binary_gates", {"alpha_warmup": 0.3, "alpha_every": 50}, 6, "alpha_warmup"),
        ("progressive", {"alpha_warmup": 0.0, "still": 0.4}, 2, "alpha_warmup, or still,"),
    ],
)
def test_weights_that_have_learnt_all_before_alpha_begins_are_told_once(name, settings, begins, smaller):
    net = ToySupernet()
    found = strategy(name, net, **settings)
    lasts = [step(net, 10 * epoch - 1) for epoch in range(1, 11)]  # of ten epochs, of ten updates each
    told = {epoch: lines for epoch, last in enumerate(lasts, 1) if (lines := found.remarks(last, epoch_row(0.96)))}
    assert [*told] == ([] if begins is None else [begins - 1])
    assert all(
        len(lines) == 1 and "96%" in lines[0] and f"a smaller {smaller} alpha" in lines[0] for lines in told.values()
    )
    for harmless in (epoch_row(LEARNT - 0.001), epoch_row(0.96, "mean_iou")):
        assert [found.remarks(last, harmless) for last in lasts] == [[]] * 10
