import pytest
import torch
from toy_search import ToySupernet, set_alpha, space, step, strategy


def test_weights_are_gates_without_competition():
    net = ToySupernet()
    set_alpha(net, [0, 1, -1, 2], [0, 0, 0, 0])
    (one, two) = strategy("sigmoid", net).select(0)
    assert torch.allclose(one.weights, torch.tensor([0.0, 1, -1, 2]).sigmoid())
    assert torch.equal(two.weights, torch.full((4,), 0.5))


def test_the_zero_one_loss_drives_gates_apart():
    net = ToySupernet()
    set_alpha(net, [0.5, -0.5, 0, 1], [0, 0, 0, 0])
    found = strategy("sigmoid", net)
    gates = torch.tensor([0.5, -0.5, 0, 1, 0, 0, 0, 0]).sigmoid()
    assert float(found.penalty(found.alphas()).detach()) == pytest.approx(-10 * float((gates - 0.5).square().mean()))
    found.after_backward(step(net))
    moved = net.alphas[0].flatten().detach() - torch.tensor([0.5, -0.5, 0, 1])
    assert moved[0] > 0
    assert moved[1] < 0
    assert moved[2] == 0
    assert moved[3] > 0


def test_layers_keep_what_is_above_the_threshold_within_the_space():
    net = ToySupernet()
    set_alpha(net, [3, 3, 3, -3], [-3, -3, -2, -3])
    assert strategy("sigmoid", net, space(keep=(1, 3))).choose() == ((0, 1, 2), (2,))
    assert strategy("sigmoid", net, space(keep=(1, 2))).choose()[0] == (0, 1)
    assert strategy("sigmoid", net, space(keep=(1, 3)), threshold=0.999).choose()[0] == (0,)


def test_kept_directions_are_judged_with_their_gates():
    net = ToySupernet()
    set_alpha(net, [3, 3, 3, -3], [-3, -3, -2, -3])
    found = strategy("sigmoid", net, space(keep=(1, 3)))
    one, two = found.derived(((0, 1), (2,)))
    assert torch.allclose(one.weights, torch.tensor([3.0, 3.0]).sigmoid())
    assert torch.allclose(two.weights, torch.tensor([-2.0]).sigmoid())
