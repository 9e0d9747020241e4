import pytest
import torch
from toy_search import ToySupernet, set_alpha, space, step, strategy

from scansearch.strategy.step import Plan


def test_weights_are_gates_without_competition():
    net = ToySupernet()
    found = strategy("sigmoid", net)
    set_alpha(net, [0, 1, -1, 2], [0, 0, 0, 0])
    (one, two) = found.select(0)
    assert torch.allclose(one.weights, torch.tensor([0.0, 1, -1, 2]).sigmoid())
    assert torch.equal(two.weights, torch.full((4,), 0.5))


def test_the_zero_one_loss_drives_gates_apart():
    net = ToySupernet()
    found = strategy("sigmoid", net, level="joint")
    set_alpha(net, [0.5, -0.5, 0, 1], [0, 0, 0, 0])
    gates = torch.tensor([0.5, -0.5, 0, 1, 0, 0, 0, 0]).sigmoid()
    assert float(found.penalty(found.alphas()).detach()) == pytest.approx(-10 * float((gates - 0.5).square().mean()))
    found.after_backward(step(net))
    moved = net.alphas[0].flatten().detach() - torch.tensor([0.5, -0.5, 0, 1])
    assert moved[0] > 0
    assert moved[1] < 0
    assert moved[2] == 0
    assert moved[3] > 0


def test_layers_keep_what_is_above_the_threshold_within_the_space():
    def chosen(keep, **settings):
        net = ToySupernet()
        found = strategy("sigmoid", net, space(keep=keep), **settings)
        set_alpha(net, [3, 3, 3, -3], [-3, -3, -2, -3])
        return found.choose()

    assert chosen((1, 3)) == ((0, 1, 2), (2,))
    assert chosen((1, 2))[0] == (0, 1)
    assert chosen((1, 3), threshold=0.999)[0] == (0,)


def test_kept_directions_are_judged_with_their_gates():
    net = ToySupernet()
    found = strategy("sigmoid", net, space(keep=(1, 3)))
    set_alpha(net, [3, 3, 3, -3], [-3, -3, -2, -3])
    one, two = found.derived(((0, 1), (2,)))
    assert torch.allclose(one.weights, torch.tensor([3.0, 3.0]).sigmoid())
    assert torch.allclose(two.weights, torch.tensor([-2.0]).sigmoid())


def test_gates_begin_half_open_and_learn_as_published():
    net = ToySupernet()
    set_alpha(net, [0.1, 0.2, -1, 2], [1, 2, 3, 4])
    found = strategy("sigmoid", net, plan=Plan(50, 195, 0))
    assert all(torch.equal(score, torch.full((4,), 0.5, dtype=torch.float64)) for score in found.scores())
    (group,) = found.optimizer.param_groups
    assert type(found.optimizer) is torch.optim.Adam
    assert (group["lr"], group["betas"], group["weight_decay"]) == (3e-3, (0.9, 0.999), 1e-3)
    assert found.traits.held_out_share == 0.5


def test_a_perturbed_gate_stays_in_its_limits_and_moves_no_other():
    net = ToySupernet(layers=1)
    found = strategy("sigmoid", net, space(layers=1), perturb="random", perturb_from=0.3, perturb_to=0.3)
    set_alpha(net, [4, 0, 0, -4])
    gates, seen = torch.tensor([4.0, 0, 0, -4]).sigmoid(), [found.select(0)[0].weights.detach() for _ in range(100)]
    assert all(float((weights - gates).abs().max()) <= 0.3 + 1e-6 for weights in seen)
    assert (min(float(w.min()) for w in seen), max(float(w.max()) for w in seen)) == (0, 1)
    assert float(torch.stack([w.sum() for w in seen]).std()) > 0.05  # gates have no sum
