from collections import Counter
from importlib import import_module

import pytest
import torch
from toy_search import ToySupernet, set_alpha, space, step, strategy

from scansearch.strategy.step import Plan

ALPHA = [0.5, -1.0, 2.0, 0.1]


def made(**settings):
    net = ToySupernet(layers=1)
    set_alpha(net, ALPHA)
    plan = Plan(10, 10, 0)
    return strategy("binary_gates", net, space(layers=1), plan, alpha_warmup=0.0, alpha_lr=0.1, **settings), net


def test_the_weights_see_k_equally_weighted_branches_and_alpha_no_gradient():
    found, _ = made()
    (selection,) = found.select(0)
    assert len(selection.indices) == 2
    assert torch.equal(selection.weights, torch.full((2,), 0.5))
    assert not selection.weights.requires_grad


def test_full_is_the_published_rule():
    found, net = made(paths="full")
    now = step(net)
    torch.manual_seed(1)
    p = torch.tensor(ALPHA).softmax(0)
    drawn = sorted(torch.multinomial(p, 2).tolist())
    gates = torch.zeros(4)
    gates[drawn] = 0.5
    gates.requires_grad_()
    (g,) = torch.autograd.grad(now.loss(now.held_out, [type(found.select(0)[0])((0, 1, 2, 3), gates)]), gates)
    expected = torch.stack([sum(g[j] * p[j] * (float(i == j) - p[i]) for j in range(4)) for i in range(4)])
    caught = {}
    found.optimizer.step = lambda: caught.update(grad=net.alphas[0].grad.flatten().clone())
    torch.manual_seed(1)
    found.before_weights(now)
    assert torch.allclose(caught["grad"], expected, atol=1e-7)
    assert net.calls[-1][0].indices == (0, 1, 2, 3)


def test_two_paths_run_k_plus_one_branches_and_leave_the_other_probabilities():
    found, net = made(paths="two")
    before = net.alphas[0].detach().flatten().softmax(0)
    found.before_weights(step(net))
    after = net.alphas[0].detach().flatten().softmax(0)
    ran = net.calls[-1][0].indices
    assert len(ran) == 3
    moved = [i for i in range(4) if abs(float(after[i] - before[i])) > 1e-6]
    assert len(moved) == 2
    assert set(moved) <= set(ran)
    assert float(after[moved].sum()) == pytest.approx(float(before[moved].sum()))


def test_alpha_learns_every_five_steps_after_a_warm_up():
    found = strategy("binary_gates", plan=Plan(10, 10, 0))
    assert [n for n in range(40) if found.moves(n)] == [25, 30, 35]


def test_the_optimiser_has_no_momentum_and_no_decay():
    (group,) = made()[0].optimizer.param_groups
    assert group["betas"] == (0.0, 0.999)
    assert group["weight_decay"] == 0


def test_all_kept_leaves_nothing_to_compete():
    net = ToySupernet(layers=1)
    found = strategy("binary_gates", net, space(layers=1, keep=4), alpha_warmup=0.0)
    found.before_weights(step(net))
    assert found.choose() == ((0, 1, 2, 3),)


@pytest.mark.parametrize("level", ["joint", "bilevel"])
def test_alpha_learns_with_the_shortcut_that_the_weights_have(level):
    found, net = made(shortcut=1.0, level=level)
    found.before_weights(step(net))
    assert net.calls[-1][0].shortcut == 1.0


def test_a_decided_alpha_can_still_be_drawn_from():
    net = ToySupernet(layers=1)
    set_alpha(net, [500.0, 0.0, 0.0, 0.0])
    found = strategy("binary_gates", net, space(layers=1), alpha_warmup=0.0)
    assert 0 in found.select(0)[0].indices
    found.before_weights(step(net))
    assert bool(net.alphas[0].isfinite().all())


def test_the_rate_counts_the_updates_of_alpha():
    long = strategy("binary_gates", plan=Plan(10, 100_000, 0), alpha_warmup=0.0)
    assert long.moving == 200_000
    assert strategy("binary_gates", plan=Plan(100, 100, 0), alpha_warmup=0.25).moving == 1_500


def test_an_alpha_that_never_learns_is_told():
    assert (
        "alpha stands still in all 100 updates"
        in strategy("binary_gates", alpha_warmup=0.99, alpha_every=50).notes()[0]
    )
    assert strategy("binary_gates").notes() == []


def test_as_many_are_drawn_as_the_layer_may_keep():
    net = ToySupernet(layers=1)
    found = strategy("binary_gates", net, space(layers=1, keep=(1, 3)))
    assert {len(found.select(n)[0].indices) for n in range(20)} == {3}


def test_rivals_are_drawn_in_proportion_to_their_probabilities():
    module = import_module("scansearch.strategies.binary_gates")
    alpha = torch.tensor([0.0, 2.0, 0.0, 2.0, 0.0])
    torch.manual_seed(0)
    rivals = Counter()
    for _ in range(600):
        runs, _, places = module._two(alpha, (0, 1))
        rivals.update(runs[place] for place in places)
    share = float(torch.tensor([2.0, 0.0]).softmax(0)[0])  # of 1 against 0
    assert rivals[1] / 600 == pytest.approx(share, abs=0.05)
    outer = torch.tensor([0.0, 2.0, 0.0]).softmax(0)  # of 2, 3 and 4
    assert [rivals[i] / 600 for i in (2, 3, 4)] == pytest.approx(outer.tolist(), abs=0.06)


def test_two_paths_move_no_other_alpha_whatever_else_is_in_its_loss():
    found, net = made(paths="two", entropy=1.0)
    before = net.alphas[0].detach().flatten().clone()
    found.before_weights(step(net))
    moved = (net.alphas[0].detach().flatten() != before).nonzero().flatten().tolist()
    assert len(moved) == 2
