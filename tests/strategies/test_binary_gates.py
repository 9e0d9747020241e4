from collections import Counter
from dataclasses import replace
from functools import cache
from importlib import import_module
from itertools import combinations, product
from statistics import fmean

import pytest
import torch
from torch import nn
from toy_search import ToySupernet, set_alpha, space, step, strategy

from scansearch.models import Selection
from scansearch.strategy.gradient.subsets import Subsets, on_host
from scansearch.strategy.step import Plan

MODULE = import_module("scansearch.strategies.binary_gates")
ALPHA = [0.5, -1.0, 2.0, 0.1]


def made(keep=2, **settings):
    net = ToySupernet(layers=1)
    set_alpha(net, ALPHA)
    bound, plan = space(keep=keep, layers=1), Plan(10, 10, 0)
    return strategy("binary_gates", net, bound, plan, alpha_warmup=0.0, alpha_lr=0.1, **settings), net


def test_the_weights_see_k_equally_weighted_branches_and_alpha_no_gradient():
    found, _ = made()
    (selection,) = found.select(0)
    assert len(selection.indices) == 2
    assert torch.equal(selection.weights, torch.full((2,), 0.5))
    assert not selection.weights.requires_grad


def caught_gradient(found, net, now, drawn=None):
    """What alpha's optimiser gets in a step; ``drawn`` in the place of what would have been drawn."""
    caught = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(found.optimizer, "step", lambda: caught.update(grad=net.alphas[0].grad.flatten().clone()))
        if drawn is not None:
            patch.setattr(MODULE.LayerSubsets, "draw", lambda self: (drawn,))
        found.before_weights(now)
    return caught["grad"]


def gates_slopes(net, now, opened, runs):
    """Gradients of the loss in the gates of ``runs``, 1 for ``opened`` and 0 for the others."""
    gates = torch.tensor([float(i in opened) for i in runs], requires_grad=True)
    return torch.autograd.grad(now.loss(now.held_out, [Selection(runs, gates / len(opened))]), gates)[0]


@pytest.mark.parametrize("opened", range(4))
def test_of_one_direction_full_is_the_published_rule(opened):
    found, net = made(keep=1, paths="full")
    now, p = step(net), torch.tensor(ALPHA).softmax(0)
    g = gates_slopes(net, now, (opened,), (0, 1, 2, 3))
    published = [sum(g[j] * p[j] * (float(i == j) - p[i]) for j in range(4)) for i in range(4)]  # eq. 4
    assert torch.allclose(caught_gradient(found, net, now, (opened,)), torch.stack(published), atol=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_of_one_direction_two_paths_are_the_published_rule(seed):
    found, net = made(keep=1, paths="two")
    now = step(net)
    torch.manual_seed(seed)
    gradient = caught_gradient(found, net, now)
    (selection,) = net.calls[-1]
    a, b = selection.indices
    opened = selection.indices[int(selection.weights.argmax())]
    p, g = torch.tensor(ALPHA)[[a, b]].softmax(0), gates_slopes(net, now, (opened,), (a, b))
    published = torch.zeros(4)
    for i, name in enumerate((a, b)):
        published[name] = sum(g[j] * p[j] * (float(i == j) - p[i]) for j in range(2))
    assert torch.allclose(gradient, published, atol=1e-7)


def test_full_has_the_covariance_of_subsets():
    found, net = made(paths="full")
    now = step(net)
    g = gates_slopes(net, now, (1, 2), (0, 1, 2, 3))
    expected = Subsets(torch.tensor([ALPHA]), 2).covariance[0] @ g.double()
    assert torch.allclose(caught_gradient(found, net, now, (1, 2)).double(), expected, atol=1e-7)
    assert net.calls[-1][0].indices == (0, 1, 2, 3)
    assert net.calls[-1][0].weights.tolist() == [0.0, 0.5, 0.5, 0.0]


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


def test_alpha_is_copied_to_the_host_only_when_it_has_moved(monkeypatch):
    found, net = made(paths="two")
    copies = []
    monkeypatch.setattr(MODULE, "on_host", lambda alphas: copies.append(alphas) or on_host(alphas))
    for _ in range(3):
        found.select(0)
    assert len(copies) == 1
    found.before_weights(step(net))
    found.select(0)
    assert len(copies) == 2
    state = {name: value + 9.0 * torch.arange(4).view(-1, 1, 1, 1) for name, value in net.alphas.state_dict().items()}
    net.alphas.load_state_dict(state)
    assert found.select(0)[0].indices == (2, 3)
    assert len(copies) == 3


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


def test_rivals_are_drawn_as_published_and_the_open_one_again():
    alpha, drawn = torch.tensor([0.0, 2.0, 0.0, 2.0, 0.0]).double(), 3000
    torch.manual_seed(0)
    paths = [MODULE._two(alpha, (0, 1)) for _ in range(drawn)]
    inner, outer = (Counter(path.rivals[side] for path in paths) for side in (0, 1))
    assert inner[0] / drawn == pytest.approx(0.5, abs=0.04)  # each of the k places
    shares = alpha[2:].softmax(0).tolist()
    assert [outer[i] / drawn for i in (2, 3, 4)] == pytest.approx(shares, abs=0.04)
    for pair, share in (((0, 3), torch.tensor(-2.0).sigmoid()), ((1, 3), 0.5), ((1, 2), torch.tensor(2.0).sigmoid())):
        rivals = [path for path in paths if path.rivals == pair]
        opened = sum(pair[0] in path.opened for path in rivals)
        assert opened / len(rivals) == pytest.approx(float(share), abs=0.08)
    for path in paths:
        assert len(path.opened) == 2
        assert set(path.runs) == {0, 1, path.rivals[1]}
        assert {0, 1} - {path.rivals[0]} < set(path.opened) < set(path.runs)


def test_two_paths_move_no_other_alpha_whatever_else_is_in_its_loss():
    moved = []
    for seed in range(6):
        found, net = made(paths="two", entropy=1.0)
        before = net.alphas[0].detach().flatten().clone()
        torch.manual_seed(seed)
        found.before_weights(step(net))
        moved.append(int((net.alphas[0].detach().flatten() - before).abs().gt(1e-6).sum()))
    assert set(moved) <= {0, 2}  # Adam's first steps are of one size: rivals of one sign come back
    assert 2 in moved


class Layer:
    """A residual layer of six branches under a classifier: its loss, as a function of the gates, is no plane."""

    def __init__(self, seed):
        generator = torch.Generator().manual_seed(seed)
        self.base, self.branches, self.readout = (
            torch.randn(*shape, generator=generator) for shape in ((16,), (6, 16), (16, 3))
        )

    def loss(self, selections):
        (selection,) = selections
        mixed = selection.weights @ self.branches[list(selection.indices)]
        return nn.functional.cross_entropy(torch.tanh(self.base + 0.2 * mixed) @ self.readout, torch.tensor(0))


def expected_gradient(layer, alpha, keep):
    """Of the expected loss in alpha, by enumeration; and all subsets with their probabilities."""
    subsets = list(combinations(range(6), keep))
    variable = alpha.clone().requires_grad_()
    p = torch.stack([variable[list(s)].sum() for s in subsets]).softmax(0)
    losses = torch.stack([layer.loss([Selection(s, torch.full((keep,), 1 / keep))]) for s in subsets])
    return torch.autograd.grad((p * losses).sum(), variable)[0], list(zip(subsets, p.tolist(), strict=True))


def mean_estimate(layer, alpha, keep, paths):
    """The strategy's own gradient, averaged over all that it could draw."""
    net = ToySupernet(layers=1, count=6)
    set_alpha(net, alpha.tolist())
    found = strategy("binary_gates", net, space(6, keep, 1), alpha_warmup=0.0, paths=paths)
    now = replace(step(net), raw_loss=lambda batch, selections: layer.loss(selections))
    slopes = cache(lambda runs, opened: found._slopes(now, [MODULE.Paths(runs, opened, (), torch.empty(0))])[0])
    total = torch.zeros(6)
    for drawn, p in expected_gradient(layer, alpha, keep)[1]:
        if paths == "full":
            total += p * caught_gradient(found, net, now, drawn)
            continue
        outside = [i for i in range(6) if i not in drawn]
        for inner, (j, share) in product(drawn, zip(outside, alpha[outside].softmax(0).tolist(), strict=True)):
            q = alpha[[inner, j]].softmax(0).tolist()
            for closed, chance in ((j, q[0]), (inner, q[1])):
                path = MODULE._rivalry(alpha.tolist(), drawn, inner, j, closed)
                gradient = path.jacobian @ slopes(path.runs, path.opened)
                total += p * share * chance / keep * gradient.float()
    return total


def cosine(seed, keep, scale, paths):
    """Of the mean estimate with the gradient of the expected loss."""
    alpha = scale * torch.randn(6, generator=torch.Generator().manual_seed(100 + seed))
    exact = expected_gradient(Layer(seed), alpha, keep)[0]
    return float(torch.cosine_similarity(mean_estimate(Layer(seed), alpha, keep, paths), exact, 0))


@pytest.mark.slow
@pytest.mark.parametrize("paths", ["full", "two"])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_how_far_the_mean_estimate_is_off_in_eighty_layers(scale, paths):
    cosines = [cosine(seed, keep, scale, paths) for keep in range(1, 6) for seed in range(16)]
    print(f"{paths}, alpha {scale}: {fmean(cosines):.2f} in the mean, {min(cosines):.2f} at the least", flush=True)
    assert fmean(cosines) > 0.95
    assert min(cosines) > 0.75


@pytest.mark.parametrize("paths", ["full", "two"])
@pytest.mark.parametrize("scale", [0.001, 1.0, 3.0])
@pytest.mark.parametrize("keep", range(1, 6))
def test_the_mean_estimate_points_along_the_gradient_of_the_expected_loss(keep, scale, paths):
    cosines = [cosine(seed, keep, scale, paths) for seed in range(3)]
    assert fmean(cosines) > 0.85
    assert min(cosines) > (0.85 if paths == "full" else 0.75)
