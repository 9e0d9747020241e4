from collections import Counter
from itertools import combinations

import pytest
import torch
from torch.autograd.functional import jacobian
from toy_search import ToySupernet, set_alpha, space, strategy

from scansearch.space import BoundSpace
from scansearch.strategy.gradient.subsets import Subsets, gumbel_noise, relaxed_top_k
from scansearch.strategy.step import Plan


def on(alpha, keep, seed=5, step=40, **settings):
    """A strategy on one layer with this alpha, what it selects, and the noise it did that by."""
    net = ToySupernet(layers=1, count=len(alpha))
    set_alpha(net, alpha)
    found = strategy("gumbel", net, space(len(alpha), keep, layers=1), **settings)
    torch.manual_seed(seed)
    (selection,) = found.select(step)
    torch.manual_seed(seed)
    return net.alphas[0], found, selection, gumbel_noise((len(alpha),))


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_forward_weights_are_equal_and_gradients_are_those_of_the_relaxed_draw(keep):
    alpha, found, selection, noise = on([0.3, -1, 2, 0.5], keep)
    logits = alpha.flatten().log_softmax(0) + noise.float()
    assert selection.indices == tuple(sorted(logits.topk(keep).indices.tolist()))
    assert selection.weights.tolist() == [float(torch.tensor(1 / keep))] * keep
    relaxed = relaxed_top_k(logits, keep, found.tau(40))[list(selection.indices)] / keep
    slopes = torch.tensor([1.0, 3.0, -2.0])[:keep]
    got, want = (torch.autograd.grad((w * slopes).sum(), alpha)[0] for w in (selection.weights, relaxed))
    assert torch.allclose(got, want, atol=1e-7)
    assert float(want.abs().max()) > 0


def test_of_one_direction_it_is_gdas_as_published():
    alpha, found, selection, noise = on([0.3, -1, 2, 0.5], keep=1)
    soft = ((alpha.flatten().log_softmax(0) + noise.float()) / found.tau(40)).softmax(0)  # eq. 4
    hard = torch.zeros(4).scatter(0, soft.argmax(0, keepdim=True), 1.0)
    published = (hard - soft.detach() + soft)[soft.argmax()]
    assert selection.indices == (int(soft.argmax()),)
    assert selection.weights.tolist() == pytest.approx([float(published.detach())])
    got, want = (torch.autograd.grad(w.sum(), alpha)[0] for w in (selection.weights, published))
    assert torch.allclose(got, want, atol=1e-7)


@pytest.mark.parametrize("keep", [1, 2, 3, 4])
def test_marginals_draw_by_subsets_and_have_their_slopes(keep):
    alpha, _, selection, _ = on([0.3, -1, 2, 0.5], keep, relaxation="marginals")
    assert selection.weights.tolist() == [float(torch.tensor(1 / keep))] * keep
    covariance = Subsets(alpha.view(1, 4), keep).covariance[0]
    slopes = torch.tensor([1.0, 3.0, -2.0, 0.5])[:keep]
    (got,) = torch.autograd.grad((selection.weights * slopes).sum(), alpha)
    want = covariance[:, list(selection.indices)] @ slopes.double() / keep
    assert torch.allclose(got.flatten().double(), want, atol=1e-7)


def test_marginals_are_drawn_in_proportion_to_the_sums_of_alpha():
    net = ToySupernet(layers=1)
    set_alpha(net, [0.0, 1.0, 2.0, 3.0])
    found = strategy("gumbel", net, space(layers=1), relaxation="marginals")
    drawn = Counter(found.select(0)[0].indices for _ in range(400))
    shares = {pair: float(torch.tensor(sum(pair)).exp()) for pair in combinations(range(4), 2)}
    for pair, share in shares.items():
        assert drawn[pair] / 400 == pytest.approx(share / sum(shares.values()), abs=0.08)


def rank_slopes(relax):
    """Mean gradient of the kept weights at each rank of alpha, over draws and over losses; 4 of 8, at the end of a search."""
    generator = torch.Generator().manual_seed(0)
    logits = 1.5 * torch.arange(8.0, 0, -1).double() + gumbel_noise((4000, 8), generator)
    kept = torch.zeros_like(logits).scatter(1, logits.topk(4).indices, 1.0)
    losses = torch.randn(4000, 8, generator=generator, dtype=torch.float64)
    return jacobian(lambda values: (relax(values) * kept * losses).sum(), logits).abs().mean(0)


def test_gradients_reach_the_ranks_that_decide():
    decided, first = [3, 4], 0  # ranks k and k + 1
    relaxed = rank_slopes(lambda values: relaxed_top_k(values, 4, 0.1))
    assert float((relaxed[decided] / relaxed[first]).min()) > 0.1
    over_all = rank_slopes(lambda values: (values / 0.1).softmax(1))
    assert float((over_all[decided] / over_all[first]).max()) < 0.05
    variances = Subsets(1.5 * torch.arange(8.0, 0, -1)[None], 4).covariance[0].diagonal()
    assert float(variances[decided].min()) > 10 * float(variances[first])


@pytest.mark.parametrize("relaxation", ["top_k", "marginals"])
def test_layers_that_differ_in_size_keep_their_own(relaxation):
    net = ToySupernet(layers=3)
    bound = BoundSpace("mixed", (space(4, 2, 1)[0], space(4, 1, 1)[0], space(4, 2, 1)[0]), (0, 0, 0))
    set_alpha(net, [9.0, 9.0, 0, 0], [0, 0, 9.0, 0], [0, 9.0, 0, 9.0])
    selections = strategy("gumbel", net, bound, relaxation=relaxation).select(40)
    assert [s.indices for s in selections] == [(0, 1), (2,), (1, 3)]
    sum((s.weights * torch.arange(len(s.indices))).sum() for s in selections).backward()
    assert [float(alpha.grad.abs().max()) > 0 for alpha in net.alphas] == [True, False, True]


def test_draws_follow_alpha():
    net = ToySupernet(layers=1)
    set_alpha(net, [0, 0, 2, 2])
    found = strategy("gumbel", net, space(layers=1))
    drawn = Counter(found.select(0)[0].indices for _ in range(400))
    assert drawn[2, 3] > 0.5 * 400
    assert len(drawn) > 3


@pytest.mark.parametrize("relaxation", ["top_k", "marginals"])
def test_draws_respect_constraints_and_variable_numbers(relaxation):
    bound = space(keep=(1, 3), constraints=[{"kind": "flip_pairs", "least": 1}])
    found = strategy("gumbel", bound=bound, relaxation=relaxation)
    for _ in range(50):
        assert bound.allows(tuple(s.indices for s in found.select(0)))


def test_the_temperature_falls_linearly():
    found = strategy("gumbel", plan=Plan(1, 11, 0))
    assert [found.tau(i) for i in (0, 5, 10)] == pytest.approx([10, 5.05, 0.1])


def test_an_evaluation_does_not_draw():
    found = strategy("gumbel")
    before = torch.get_rng_state()
    assert [s.indices for s in found.evaluation()] == list(found.choose())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("layers", "count", "keep"), [(1, 4, 1), (3, 8, 4), (2, 8, 8)])
def test_without_rules_and_budget_the_draw_is_that_of_the_exact_solver(layers, count, keep):
    bound = space(count, keep, layers)
    found = strategy("gumbel", ToySupernet(layers, count), bound)
    generator = torch.Generator().manual_seed(1)
    for _ in range(50):
        values = torch.randint(-3, 3, (layers, count), generator=generator).double()  # many are equal
        assert found._drawn(values, torch.zeros_like(values)) == bound.best(list(values))


@pytest.mark.parametrize("relaxation", ["top_k", "marginals"])
def test_a_step_without_rules_and_budget_does_not_ask_the_exact_solver(relaxation, monkeypatch):
    bound = space()
    found = strategy("gumbel", bound=bound, relaxation=relaxation)
    monkeypatch.setattr(type(bound), "best", lambda *arguments, **more: pytest.fail("asked"))
    assert all(len(selection.indices) == 2 for selection in found.select(0))
