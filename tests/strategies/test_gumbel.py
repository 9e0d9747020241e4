from collections import Counter

import pytest
import torch
from toy_search import ToySupernet, set_alpha, space, strategy

from scansearch.strategy.step import Plan


def test_forward_weights_are_equal_and_gradients_are_those_of_the_relaxed_draw():
    net = ToySupernet()
    set_alpha(net, [0.3, -1, 2, 0.5], [1, 0, 0, -1])
    found = strategy("gumbel", net)
    torch.manual_seed(5)
    selections = found.select(40)
    torch.manual_seed(5)
    noise = [-torch.empty(4).exponential_().log() for _ in range(2)]
    for selection, alpha, g in zip(selections, net.alphas, noise, strict=True):
        logits = alpha.flatten().log_softmax(0) + g
        assert selection.indices == tuple(sorted(logits.topk(2).indices.tolist()))
        assert torch.allclose(selection.weights, torch.full((2,), 0.5))
        relaxed = (logits / found.tau(40)).softmax(0)[list(selection.indices)] / 2
        slopes = torch.tensor([1.0, 3.0])
        got, want = (torch.autograd.grad((w * slopes).sum(), alpha)[0] for w in (selection.weights, relaxed))
        assert torch.allclose(got, want)
        assert float(want.abs().max()) > 0


def test_draws_follow_alpha():
    net = ToySupernet(layers=1)
    set_alpha(net, [0, 0, 2, 2])
    found = strategy("gumbel", net, space(layers=1))
    drawn = Counter(found.select(0)[0].indices for _ in range(400))
    assert drawn[2, 3] > 0.5 * 400
    assert len(drawn) > 3


def test_draws_respect_constraints_and_variable_numbers():
    bound = space(keep=(1, 3), constraints=[{"kind": "flip_pairs", "least": 1}])
    found = strategy("gumbel", bound=bound)
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


def test_infinite_noise_is_drawn_again(monkeypatch):
    drawn = iter([torch.tensor([1.0, 0.0, 2.0, 1.0]), torch.tensor([1.0, 3.0, 2.0, 1.0])])
    monkeypatch.setattr(torch.Tensor, "exponential_", lambda self: next(drawn))
    net = ToySupernet(layers=1)
    (selection,) = strategy("gumbel", net, space(layers=1)).select(0)
    assert selection.indices == (0, 3)
    assert next(drawn, None) is None


@pytest.mark.parametrize(("layers", "count", "keep"), [(1, 4, 1), (3, 8, 4), (2, 8, 8)])
def test_without_rules_and_budget_the_draw_is_that_of_the_exact_solver(layers, count, keep):
    bound = space(count, keep, layers)
    found = strategy("gumbel", ToySupernet(layers, count), bound)
    generator = torch.Generator().manual_seed(1)
    for _ in range(50):
        values = torch.randint(-3, 3, (layers * count,), generator=generator).float()  # many are equal
        assert found._drawn(values) == bound.best([part.double() for part in values.split(count)])


def test_a_step_without_rules_and_budget_does_not_ask_the_exact_solver(monkeypatch):
    bound = space()
    found = strategy("gumbel", bound=bound)
    monkeypatch.setattr(type(bound), "best", lambda *arguments, **more: pytest.fail("asked"))
    assert all(len(selection.indices) == 2 for selection in found.select(0))
