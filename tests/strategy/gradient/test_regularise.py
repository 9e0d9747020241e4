from dataclasses import replace

import pytest
import torch
from toy_search import ToySupernet, set_alpha, space, step, strategy

import scansearch
from scansearch.errors import ScansearchError
from scansearch.registry import MODELS, SEARCH_SPACES
from scansearch.shape import ImageShape
from scansearch.strategy.step import Plan

ALPHA = [0.5, -1.0, 2.0, 0.1]


def darts(**settings):
    net = ToySupernet(layers=1)
    set_alpha(net, ALPHA)
    return strategy("darts", net, space(layers=1), Plan(1, 11, 0), **settings), net


def test_random_perturbations_grow_linearly_and_stay_probabilities():
    found, _ = darts(perturb="random")
    base = torch.tensor(ALPHA).softmax(0)
    for number, epsilon in ((0, 0.03), (5, 0.165), (10, 0.3)):
        used = torch.stack([found.select(number)[0].weights.detach() for _ in range(200)])
        assert torch.allclose(used.sum(1), torch.ones(200))
        assert float(used.min()) >= 0
        most = clipped(base, torch.tensor([epsilon, -epsilon, -epsilon, -epsilon])) - base  # of the first branch
        assert 0.5 * float(most[0]) < float((used - base)[:, 0].max()) <= float(most[0]) + 1e-6


def clipped(base, shift):
    """As the published code has it: within [0, 1], and of the sum 1."""
    weights = (base + shift).clamp(0, 1)
    return weights / weights.sum()


@pytest.mark.parametrize("epsilon", [0.1, 1.0])
def test_perturbed_weights_add_up_to_one_even_where_all_of_them_went(epsilon):
    found, _ = darts()
    selection = found.mixture(found.alphas(), 0)[0]
    shifted = found.regulariser._shifted(selection, torch.full((4,), -epsilon))
    base = torch.tensor(ALPHA).softmax(0)
    want = clipped(base, -epsilon) if epsilon < 1 else torch.tensor([0.0, 0, 1, 0])
    assert torch.allclose(shifted.weights, want)


def test_the_worst_perturbation_is_worse_than_random_ones():
    found, net = darts(perturb="adversarial", perturb_from=0.1, perturb_to=0.1)
    net.gains = torch.tensor([-3.0, -1.0, 1.0, 3.0])
    now = step(net)

    def loss(shift):
        weights = clipped(torch.tensor(ALPHA).softmax(0), shift)
        return float(now.loss(now.train, [found.mixture(found.alphas(), 0)[0]._replace(weights=weights)]).detach())

    found.before_weights(now)
    (worst,) = found.regulariser.worst
    assert float(worst.abs().max()) <= 0.1 + 1e-6
    assert sum(loss(worst) > loss(torch.empty(4).uniform_(-0.1, 0.1)) for _ in range(100)) >= 99
    used = found.select(0)[0].weights
    assert torch.allclose(used, clipped(torch.tensor(ALPHA).softmax(0), worst))


def test_alpha_learns_without_the_perturbation():
    plain, net = darts(level="bilevel")
    shaken, _ = darts(level="bilevel", perturb="random")
    shaken.supernet = net
    assert torch.equal(plain.alpha_gradients(step(net))[0], shaken.alpha_gradients(step(net))[0])


@pytest.mark.parametrize("name", ["gumbel", "binary_gates"])
@pytest.mark.parametrize(("option", "value"), [("perturb", "random"), ("curvature", "measure")])
def test_strategies_that_draw_refuse_what_needs_all_branches(name, option, value):
    with pytest.raises(ScansearchError, match=f"^{option}={value} needs a loss that is smooth .* this strategy draws"):
        strategy(name, **{option: value})


def test_entropy_is_the_mean_of_the_layers_and_lowers_it():
    net = ToySupernet()
    set_alpha(net, ALPHA, [0, 0, 0, 0.1])
    found = strategy("darts", net, entropy=2.0, alpha_warmup=0.0, alpha_lr=0.01)
    expected = [torch.special.entr(torch.tensor(a).softmax(0)).sum() for a in (ALPHA, [0, 0, 0, 0.1])]
    got = found.regulariser.penalty([a.softmax(0) for a in found.alphas()])
    assert float(got.detach()) == pytest.approx(2 * float(sum(expected)) / 2, rel=1e-6)
    before = float(torch.special.entr(found.scores()[0]).sum())
    for _ in range(5):
        found.after_backward(step(net))
    assert float(torch.special.entr(found.scores()[0]).sum()) < before


def test_the_shortcut_fades_and_adds_the_layers_input():
    found, _ = darts(shortcut=1.0)
    assert [found.select(n)[0].shortcut for n in (0, 5, 10)] == pytest.approx([1.0, 0.5, 0.0])
    spec = MODELS.get("local_vim_nano").configure(depth=1, scan_backend="torch")
    names = [SEARCH_SPACES.get("global4").candidates]
    mixer = spec.supernet(names, ImageShape(4, 4, channels=1, classes=3)).layers[0].mixer
    hidden, (selection,) = torch.randn(2, 16, 16), found.select(0)
    mixer.out_proj = torch.nn.Identity()
    x = mixer.in_proj(hidden).chunk(2, dim=-1)[0]
    assert torch.allclose(mixer(hidden, selection), mixer(hidden, selection._replace(shortcut=0.0)) + x, atol=1e-6)


def test_alpha_stands_still_in_its_warm_up():
    found, net = darts(alpha_warmup=0.5)
    for number in (0, 4, 6):
        net.zero_grad()
        now = step(net, number)
        now.loss(now.train, found.select(number)).backward()
        found.after_backward(now)
        assert torch.equal(net.alphas[0].flatten(), torch.tensor(ALPHA)) is (number < 5)


def test_entropy_of_what_is_left_when_candidates_dropped_out():
    net = ToySupernet()
    set_alpha(net, ALPHA, ALPHA)
    found = strategy("progressive", net, entropy=1.0)
    found.left = [[0, 2], [1, 3]]
    alphas = found.alphas()
    penalty = found.regulariser.penalty(found.relaxed(alphas))
    shares = [torch.tensor(ALPHA)[left].softmax(0) for left in found.left]
    assert float(penalty.detach()) == pytest.approx(float(sum(torch.special.entr(s).sum() for s in shares)) / 2)
    slopes = torch.autograd.grad(penalty, net.architecture_parameters())
    assert all(bool(slope.isfinite().all()) for slope in slopes)
    assert slopes[0].flatten()[1] == 0
    assert slopes[0].flatten()[0] != 0


@pytest.mark.parametrize("options", [{"perturb": "random"}, {"perturb": "adversarial"}, {"shortcut": 1.0}])
def test_an_evaluation_sees_the_mixture_alone(options):
    found, net = darts(**options)
    found.before_weights(step(net))
    (selection,) = found.evaluation()
    assert torch.equal(selection.weights, torch.tensor(ALPHA).softmax(0))
    assert selection.shortcut == 0


def test_candidates_drop_out_under_the_worst_perturbation(tmp_path):
    run = {"model": "local_vim_nano", "depth": 1, "epochs": 2, "limit": 64, "batch_size": 32}
    genotype = scansearch.search(tmp_path / "run", strategy="progressive", perturb="adversarial", **run)
    assert [len(names) for names in genotype.directions] == [4]


def test_a_weight_at_its_limit_returns_when_that_hurts():
    net = ToySupernet(layers=1)
    found = strategy(
        "sigmoid", net, space(layers=1), level="joint", perturb="adversarial", perturb_from=0.3, perturb_to=0.3
    )
    set_alpha(net, [4, -4, 0, 1])
    now = step(net)
    rising = replace(now, raw_loss=lambda batch, selections: selections[0].weights.sum())
    for seed in range(20):
        torch.manual_seed(seed)
        found.before_weights(rising)
        (worst,) = found.regulariser.worst
        gates = torch.tensor([4.0, -4, 0, 1]).sigmoid()
        assert torch.allclose((gates + worst).clamp(0, 1), (gates + 0.3).clamp(0, 1))


def test_an_attack_sees_the_supernet_in_evaluation_mode():
    found, net = darts(perturb="adversarial")
    now, seen = step(net), []
    for training in (True, False):
        net.train(training)
        found.before_weights(replace(now, raw_loss=lambda b, s: seen.append(net.training) or now.raw_loss(b, s)))
        assert net.training is training
    assert seen == [False] * 18


def test_an_attack_that_lowered_the_loss_is_forgotten():
    found, net = darts(perturb="adversarial")
    now = step(net)

    def misleading(batch, selections):
        """A slope that leads down: where it is not asked for, the loss is that of the other direction."""
        total = (selections[0].weights * net.gains).sum()
        return total if total.requires_grad else -total

    found.before_weights(replace(now, raw_loss=misleading))
    assert found.regulariser.worst is None
    assert torch.equal(found.select(0)[0].weights, torch.tensor(ALPHA).softmax(0))
    found.before_weights(replace(now, raw_loss=lambda b, s: abs(misleading(b, s))))
    assert found.regulariser.worst is not None


def test_the_attack_is_judged_over_all_processes():
    found, net = darts(perturb="adversarial")
    found.before_weights(replace(step(net), mean=lambda tensors: [-tensor for tensor in tensors]))
    down = found.regulariser.worst
    assert down is not None  # the slopes turn, and so does what is better


def test_the_weights_learn_from_the_draw_that_was_attacked():
    net = ToySupernet()
    found = strategy("partial_channel", net, perturb="adversarial")
    for number in range(20):
        attacked = []
        now = step(net, number)

        def spy(batch, selections, now=now, attacked=attacked):
            attacked.append([selection.part for selection in selections])
            return now.raw_loss(batch, selections)

        found.before_weights(replace(now, raw_loss=spy))
        assert [selection.part for selection in found.select(number)] == attacked[0]


def attacked(found, net, number=0):
    """The batches and branch weights of every loss that an attack computes."""
    seen, now = [], step(net, number)

    def loss(batch, selections):
        seen.append((batch, selections[0].weights.detach().clone()))
        return now.loss(batch, selections)

    found.before_weights(replace(now, raw_loss=loss))
    return seen, now


def test_an_attack_takes_seven_steps_from_a_random_start_on_the_weights_batch():
    found, net = darts(perturb="adversarial", perturb_from=0.1, perturb_to=0.1)
    seen, now = attacked(found, net)
    assert len(seen) == 7 + 2  # and the loss without it, and with it
    assert all(batch is now.train for batch, _ in seen)
    first = seen[0][1] - torch.tensor(ALPHA).softmax(0)
    assert 0 < float(first.abs().max()) <= 0.1
    torch.manual_seed(5)
    assert not torch.equal(seen[0][1], attacked(found, net)[0][0][1])  # another start each time


def test_entropy_is_that_of_scores_scaled_to_the_sum_one():
    found, _ = darts(entropy=2.0)
    got = found.regulariser.penalty([torch.tensor([0.5, 0.5, 0.5]), torch.tensor([0.9, 0.3, 0.0])])
    want = torch.special.entr(torch.tensor([0.75, 0.25])).sum() + torch.log(torch.tensor(3.0))
    assert float(got) == pytest.approx(float(want))


def test_entropy_acts_on_the_alpha_of_gates_too():
    (plain, net), (kept, other) = [
        (strategy("binary_gates", net, space(layers=1), alpha_warmup=0.0, entropy=entropy, paths="full"), net)
        for entropy, net in ((0.0, ToySupernet(layers=1)), (50.0, ToySupernet(layers=1)))
    ]
    for found, network in ((plain, net), (kept, other)):
        network.load_state_dict(net.state_dict())
        set_alpha(network, ALPHA)
        for _ in range(3):
            torch.manual_seed(3)
            found.before_weights(step(network))
    assert float(torch.special.entr(kept.scores()[0]).sum()) < float(torch.special.entr(plain.scores()[0]).sum())
