from dataclasses import replace

import pytest
import torch

from scansearch.errors import UnsupportedError
from scansearch.models import Selection
from scansearch.registry import MODELS, SEARCH_SPACES, STRATEGIES
from scansearch.runs.settings import TrainSettings
from scansearch.searching.assemble import start
from scansearch.shape import ImageShape
from scansearch.strategy.gradient.unrolled import unrolled_gradient
from scansearch.strategy.step import Batch, Plan, Step
from scansearch.training.optimizer import weight_optimizer

SHAPE = ImageShape(8, 8, channels=1, classes=10)


@pytest.fixture
def supernet():
    torch.manual_seed(0)
    spec = MODELS.get("local_vim_nano").configure(depth=2, scan_backend="torch")
    return spec.supernet([SEARCH_SPACES.get("default8").candidates] * 2, SHAPE)


@pytest.fixture
def layers():
    return SEARCH_SPACES.get("default8").bind([(8, 8)] * 2)


def darts(supernet, layers, plan=None, **settings):
    kind = STRATEGIES.get("darts")
    strategy = kind(kind.Settings(**{"alpha_warmup": 0.0, **settings}))
    strategy.setup(supernet, layers, plan or Plan(15, 19, 0))
    return strategy


def test_alpha_is_in_no_weight_optimiser(supernet, layers):
    optimizer = weight_optimizer(supernet, TrainSettings())
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert not held & {id(a) for a in supernet.architecture_parameters()}
    assert len(held) == len(list(supernet.parameters())) - 2
    inside = {id(p) for group in darts(supernet, layers).optimizer.param_groups for p in group["params"]}
    assert inside == {id(a) for a in supernet.architecture_parameters()}


def test_selection_is_the_softmax_over_all_candidates(supernet, layers):
    for selection, alpha in zip(darts(supernet, layers).select(0), supernet.architecture_parameters(), strict=True):
        assert selection.indices == tuple(range(8))
        assert torch.equal(selection.weights, alpha.flatten().softmax(0))


def test_keeps_the_k_largest_in_candidate_order(supernet, layers):
    with torch.no_grad():
        supernet.architecture_parameters()[0].copy_(torch.tensor([0.0, 5, 1, 4, 0, 3, 2, 0]).view(8, 1, 1, 1))
    assert darts(supernet, layers).choose()[0] == (1, 3, 5, 6)


def test_short_runs_get_a_rate_that_lets_alpha_speak(supernet, layers):
    assert darts(supernet, layers).rate == pytest.approx(0.03)
    assert darts(supernet, layers, plan=Plan(100, 1251, 0)).rate == pytest.approx(1e-3)
    assert darts(supernet, layers, plan=Plan(50, 390, 0), level="bilevel").rate == pytest.approx(3e-4)
    assert darts(supernet, layers, alpha_lr=0.5).rate == 0.5


def make_step(supernet, optimizer, held_out=True):
    generator = torch.Generator().manual_seed(3)
    batches = [
        Batch(torch.randn(6, 1, 8, 8, generator=generator), torch.randint(0, 10, (6,), generator=generator))
        for _ in range(2)
    ]

    def loss(batch, selections):
        return torch.nn.functional.cross_entropy(supernet(batch.images, selections), batch.targets)

    return Step(
        number=0,
        schedule=1.0,
        train=batches[0],
        make_held_out=(lambda: batches[1]) if held_out else None,
        loss=loss,
        raw_loss=loss,
        recent=lambda count: batches[1:],
        optimizer=optimizer,
        backward=lambda loss: loss.backward(),
    )


@pytest.mark.parametrize("level", ["bilevel", "unrolled"])
def test_bilevel_step_moves_alpha_only(supernet, layers, level):
    strategy = darts(supernet, layers, level=level)
    before = {name: p.detach().clone() for name, p in supernet.named_parameters()}
    optimizer = torch.optim.SGD([p for _, p in supernet.weight_parameters()], lr=0.1, momentum=0.9)
    strategy.before_weights(make_step(supernet, optimizer))
    for name, parameter in supernet.named_parameters():
        assert torch.equal(parameter, before[name]) == ("alpha" not in name), name
        assert parameter.grad is None or not parameter.grad.any()


def test_joint_step_moves_alpha_by_the_gradient_of_the_weights_loss(supernet, layers):
    strategy = darts(supernet, layers)
    step = make_step(supernet, torch.optim.SGD([p for _, p in supernet.weight_parameters()], lr=0.1), held_out=False)
    before = [a.detach().clone() for a in supernet.architecture_parameters()]
    strategy.before_weights(step)
    step.loss(step.train, strategy.select(0)).backward()
    gradients = [a.grad.clone() for a in supernet.architecture_parameters()]
    strategy.after_backward(step)
    for old, alpha, gradient in zip(before, supernet.architecture_parameters(), gradients, strict=True):
        moved = alpha.detach() - old
        assert torch.equal(moved.sign(), -gradient.sign())  # the first step of Adam is a step of the sign
        assert torch.allclose(moved.abs(), torch.tensor(0.03), rtol=0.02)  # its epsilon shows in tiny gradients


class Toy(torch.nn.Module):
    """L_train = sum (w - alpha)^2, L_held_out = sum (w - 1)^2: the unrolled gradient is known in closed form."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor([0.3, -0.2], dtype=torch.float64))
        self.alpha = torch.nn.Parameter(torch.tensor([0.5, 0.1], dtype=torch.float64))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_unrolled_gradient_against_its_closed_form(momentum):
    toy, xi, decay = Toy(), 0.1, 0.01
    optimizer = torch.optim.SGD([toy.w], lr=xi, momentum=momentum, weight_decay=decay)
    buffer = torch.tensor([0.2, -0.4], dtype=torch.float64)
    if momentum:
        optimizer.state[toy.w]["momentum_buffer"] = buffer
    train, held_out = (Batch(torch.zeros(1), torch.zeros(1)) for _ in range(2))

    def loss(batch, selections):
        target = toy.alpha if batch is train else 1.0
        return ((toy.w - target) ** 2).sum() + 0 * toy.alpha.sum()

    step = Step(0, 1.0, train, lambda: held_out, loss, loss, lambda count: [held_out], optimizer, torch.Tensor.backward)
    before = toy.w.detach().clone()
    (gradient,) = unrolled_gradient(step, lambda: [Selection((0,))], [toy.alpha], [toy.w])
    moved = before - xi * (2 * (before - toy.alpha.detach()) + decay * before + momentum * buffer)
    # d w' / d alpha = 2 xi, so grad_alpha L_held_out(w') = 2 xi * 2 (w' - 1)
    assert torch.allclose(gradient, 2 * xi * 2 * (moved - 1), rtol=1e-6)
    assert torch.equal(toy.w.detach(), before)


def test_the_unrolled_gradient_compares_the_same_draws():
    alpha, w = torch.nn.Parameter(torch.tensor([1.0])), torch.nn.Parameter(torch.tensor([2.0]))
    batch, seen = Batch(torch.zeros(1), torch.zeros(1)), []

    def loss(batch, selections):
        seen.append(float(torch.rand(())))
        return (alpha * w * (1 + seen[-1])).sum()

    step = Step(
        0, 1.0, batch, lambda: batch, loss, loss, lambda n: [batch], torch.optim.SGD([w], lr=0.1), torch.Tensor.backward
    )
    unrolled_gradient(step, lambda: [Selection((0,))], [alpha], [w])
    assert len(seen) == 4
    assert len(set(seen)) == 1


def test_unrolled_refuses_adamw(supernet, layers):
    strategy = darts(supernet, layers, level="unrolled", alpha_warmup=0.3)  # at once, not after it
    optimizer = torch.optim.AdamW([p for _, p in supernet.weight_parameters()])
    with pytest.raises(UnsupportedError, match="optimizer=sgd"):
        strategy.before_weights(make_step(supernet, optimizer))


@pytest.mark.parametrize("level", ["bilevel", "unrolled"])
def test_whole_search_at_the_other_levels(tmp_path, level):
    from scansearch.searching.configure import make_config
    from scansearch.space import find_space

    config = make_config(
        space=find_space("default8"),
        strategy="darts",
        model="local_vim_nano",
        data="digits",
        settings={
            "level": level,
            "epochs": 1,
            "batch_size": 32,
            "limit": 64,
            "patch_size": 2,
            "depth": 2,
            "scan_backend": "torch",
        },
    )
    genotype = start(config, tmp_path / "run")
    assert [len(layer.directions) for layer in genotype.layers] == [4, 4]
    assert config.train.optimizer == ("sgd" if level == "unrolled" else "adamw")


def test_paper_preset_is_the_papers_recipe():
    preset = STRATEGIES.get("darts").presets["paper"].settings
    assert preset["train"]["epochs"] == 100
    assert preset["train"]["warmup_epochs"] == 20
    assert preset["strategy"] == {"level": "joint", "alpha_lr": 1e-3, "alpha_weight_decay": 0.04, "alpha_warmup": 0.0}


def test_alpha_waits_for_the_weights_by_default_and_not_in_the_papers_presets(supernet, layers):
    kind = STRATEGIES.get("darts")
    found = kind(kind.Settings())
    found.setup(supernet, layers, Plan(10, 10, 0))
    optimizer = torch.optim.SGD([p for _, p in supernet.weight_parameters()], lr=0.1)
    moved = []
    for number in (29, 30):
        step = replace(make_step(supernet, optimizer, held_out=False), number=number)
        before = [a.detach().clone() for a in supernet.architecture_parameters()]
        found.before_weights(step)
        step.loss(step.train, found.select(number)).backward()
        found.after_backward(step)
        moved.append(not all(map(torch.equal, before, supernet.architecture_parameters())))
    assert moved == [False, True]
    assert {preset.settings["strategy"]["alpha_warmup"] for preset in kind.presets.values()} == {0.0}
