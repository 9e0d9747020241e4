"""What did not run does not move: every branch has the state of one that an optimiser of its own trains."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from lightning_fabric import Fabric
from scansearch.strategies.single_path import SinglePath
from torch import nn

from scansearch.models import Selection, make_searchable
from scansearch.registry import MODELS
from scansearch.runs.config import TrainSettings
from scansearch.shape import ImageShape
from scansearch.space import find_space
from scansearch.strategy import Plan
from scansearch.testing.planted_model import PlantedSpec
from scansearch.training.branch_optimizers import BranchAdamW, BranchSGD, RanBranches
from scansearch.training.loss import cross_entropy
from scansearch.training.optimizer import weight_optimizer
from scansearch.training.optimizer_state import load_optimizer
from scansearch.training.weights import Weights

SHAPE = ImageShape(8, 8, channels=2, classes=4)
LAYERS, GRID, STEPS = 2, (8, 8), 6
OPTIMIZERS = {
    "adamw": {"optimizer": "adamw"},
    "sgd": {"optimizer": "sgd", "momentum": 0.9},
}


@pytest.fixture(params=OPTIMIZERS)
def settings(request):
    return TrainSettings(
        epochs=1, lr=0.01, weight_decay=0.1, clip_norm=0, label_smoothing=0, **OPTIMIZERS[request.param]
    )


class Mixer(nn.Module):
    """A causal mixer of a user."""

    def __init__(self):
        super().__init__()
        self.map, self.decay = nn.Linear(4, 4), nn.Parameter(torch.rand(4))

    def forward(self, tokens):
        return torch.tanh(self.map(tokens).cumsum(1) * self.decay)


class Net(nn.Module):
    """A backbone of a user."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Conv2d(2, 4, 1), nn.Linear(4, 4)
        self.mixers = nn.ModuleList(Mixer() for _ in range(LAYERS))

    def forward(self, images):
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        for mixer in self.mixers:
            tokens = tokens + mixer(tokens)
        return self.head(tokens.mean(1))


LOCAL_VIM = MODELS.get("local_vim_nano").configure(depth=LAYERS, patch_size=1, scan_backend="torch")
STAGED = {"depths": [1, 1], "patch_size": 1, "scan_backend": "torch"}
LOCAL_VMAMBA = MODELS.get("local_vmamba_nano").configure(**STAGED)
VMAMBA = MODELS.get("vmamba_tiny_s1l8").configure(embed_dim=8, **STAGED)
VIM = MODELS.get("vim_tiny").configure(depth=LAYERS, embed_dim=8, patch_size=1, scan_backend="torch")
SUPERNETS = {
    "local_vim": lambda names: LOCAL_VIM.supernet(names, SHAPE),
    "local_vmamba": lambda names: LOCAL_VMAMBA.supernet(names, SHAPE),
    "vmamba": lambda names: VMAMBA.supernet(names, SHAPE),
    "vim": lambda names: VIM.supernet(names, SHAPE),
    "dense": lambda names: LOCAL_VIM.supernet(names, replace(SHAPE, dense=True)),
    "planted": lambda names: PlantedSpec(depth=LAYERS).supernet(names, SHAPE),
    "backbone": lambda names: make_searchable(Net(), names, layers=Mixer, grids=[GRID] * LAYERS),
}


def own(net, read=lambda tensor: tensor):
    """What every branch has of its own, and what all share, by names that do not depend on which other branches there are."""
    found, stacked = {}, set()
    for layer, (weights, names) in enumerate(zip(net.stacked_parameters(), net.candidates, strict=True)):
        for number, weight in enumerate(weights):
            stacked.add(id(weight))
            value = read(weight)
            for row, name in enumerate(names):
                found[layer, number, name] = None if value is None else value if value.ndim == 0 else value[row]
    for name, weight in net.weight_parameters():
        if id(weight) not in stacked:
            found[_of_direction(net, name)] = read(weight)
    return found


def _of_direction(net, name):
    for scan_name, scan in zip(getattr(net, "names", ()), getattr(net, "scans", ()), strict=True):
        start = f"model.{scan_name}.mixers."
        if name.startswith(start):
            number, _, rest = name[len(start) :].partition(".")
            return scan_name, scan.candidates[int(number)], rest
    return name


def batch(number, *, dense=False):
    random = torch.Generator().manual_seed(number)
    images = torch.randn(4, 2, 8, 8, generator=random)
    return SimpleNamespace(images=images, targets=torch.randint(4, (4, 8, 8) if dense else (4,), generator=random))


def trained(net, settings):
    return Weights(net, settings, STEPS, Fabric(accelerator="cpu", devices=1))


class Apart:
    """Every branch, and every weight that they share, as parameters of their own under torch's optimiser."""

    def __init__(self, net, settings):
        self.values = {key: nn.Parameter(value.detach().clone()) for key, value in own(net).items()}
        decays = {id(p): g["weight_decay"] for g in trained(net, settings).optimizer.param_groups for p in g["params"]}
        decay = own(net, lambda weight: torch.tensor(decays[id(weight)]))
        groups = [{"params": [p], "weight_decay": float(decay[key])} for key, p in self.values.items()]
        momentum = {"momentum": settings.momentum} if settings.optimizer == "sgd" else {}
        kind = torch.optim.SGD if momentum else torch.optim.AdamW
        self.optimizer = kind(groups, lr=settings.lr, **momentum)

    def train(self, small, batch, selections):
        """One step of a network that holds only what was selected."""
        for key, value in own(small).items():
            value.data.copy_(self.values[key])
        cross_entropy(small(batch.images, selections), batch.targets).backward()
        gradients = own(small, lambda weight: weight.grad)
        for key, parameter in self.values.items():
            parameter.grad = gradients.get(key)
        self.optimizer.step()


def everything(names):
    return [Selection(tuple(range(len(n)))) for n in names]


@pytest.mark.parametrize("kind", SUPERNETS)
def test_after_single_path_every_branch_is_as_in_networks_of_only_what_was_selected(kind, settings):
    space = find_space("wide32").bind([GRID, (4, 4) if "vmamba" in kind else GRID])
    names = [layer.candidates for layer in space]
    assert len(names[0]) == 32
    assert {layer.most for layer in space} == {4}
    torch.manual_seed(0)
    net = SUPERNETS[kind](names)
    strategy = SinglePath(SinglePath.Settings())
    strategy.setup(net, space, Plan(1, STEPS, 0))
    weights, apart = trained(net, settings), Apart(net, settings)
    for step in range(STEPS):
        selections = strategy.select(step)
        now = batch(step, dense=kind == "dense")
        weights.backward(now, selections)
        weights.update()
        chosen = [[n[i] for i in s.indices] for n, s in zip(names, selections, strict=True)]
        with torch.random.fork_rng(devices=[]):
            apart.train(SUPERNETS[kind](chosen), now, everything(chosen))
        check_same(net, weights.optimizer, apart)


def check_same(net, optimizer, apart):
    for key, value in own(net).items():
        assert value.equal(apart.values[key]), key
    for memory in ("step", "exp_avg", "exp_avg_sq", "momentum_buffer"):
        mine = own(net, lambda weight: optimizer.state.get(weight, {}).get(memory))  # noqa: B023
        for key, parameter in apart.values.items():
            expected = apart.optimizer.state.get(parameter, {}).get(memory)
            if expected is None:  # it has never run
                assert mine[key] is None or not mine[key].any(), (memory, key)
            else:
                assert mine[key].equal(expected), (memory, key)


ROWS = ([0, 1, 2, 3], [0, 1, 2, 3], [1], [1, 2], [0, 1, 2, 3], [0, 3], [2], [0, 1, 2, 3], [1, 2, 3], [3])
"""Which of four branches run, step by step: all in step, one ahead, all of them out of step."""


class Stacked(nn.Module):
    """Two weights with a row for each of four branches, and one that all share."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        shapes = ((4, 3, 5), (4, 5), (7,))
        self.weights = nn.ParameterList(nn.Parameter(torch.randn(shape)) for shape in shapes)
        self.ran = RanBranches([list(self.weights)[:2]])

    def optimizer(self, settings):
        return weight_optimizer(self, settings, self.ran)

    def step(self, optimizer, number):
        torch.manual_seed(number)
        self.ran.clear()
        self.ran.note([Selection(tuple(ROWS[number]))])
        for weight in self.weights:
            weight.grad = torch.randn_like(weight)
        for weight in list(self.weights)[:2]:
            weight.grad[[row for row in range(4) if row not in ROWS[number]]] = 0
        optimizer.step()


def rows_apart(weights):
    return [nn.Parameter(row.detach().clone()) for weight in weights for row in weight]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_rows_move_as_weights_of_their_own_do(name, momentum):
    settings = TrainSettings(epochs=1, lr=0.01, weight_decay=0.1, optimizer=name, momentum=momentum)
    net = Stacked()
    optimizer, apart = net.optimizer(settings), rows_apart(list(net.weights)[:2])
    decays = [group["weight_decay"] for group in optimizer.param_groups for p in group["params"] if p.ndim > 1]
    assert decays == [0.1, 0.1]
    plain = weight_optimizer(nn.ParameterList([nn.Parameter(p.detach()[None]) for p in apart]), settings)
    alone = plain.param_groups[0]["params"]
    for number, rows in enumerate(ROWS):
        net.step(optimizer, number)
        gradients = [row for weight in list(net.weights)[:2] for row in weight.grad]
        for place, (parameter, gradient) in enumerate(zip(alone, gradients, strict=True)):
            parameter.grad = gradient[None] if place % 4 in rows else None
        plain.step()
        moved = [row for weight in list(net.weights)[:2] for row in weight]
        assert all(a.equal(b[0]) for a, b in zip(moved, alone, strict=True)), number


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_where_all_run_a_step_is_torchs_own(name):
    settings = TrainSettings(epochs=1, lr=0.01, weight_decay=0.1, optimizer=name)
    net, same = Stacked(), Stacked()
    optimizer, plain = net.optimizer(settings), weight_optimizer(same, settings)
    assert isinstance(optimizer, (BranchAdamW, BranchSGD))
    assert not isinstance(plain, (BranchAdamW, BranchSGD))
    for number in (0, 1):
        net.step(optimizer, number)
        same.step(plain, number)
    assert all(a.equal(b) for a, b in zip(net.weights, same.weights, strict=True))
    own, other = optimizer.state_dict()["state"], plain.state_dict()["state"]
    assert all(own[n][key].equal(value) for n, memory in other.items() for key, value in memory.items())


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_it_goes_on_from_a_checkpoint(name):
    settings = TrainSettings(epochs=1, lr=0.01, optimizer=name)
    net, other = Stacked(), Stacked()
    optimizer, again = net.optimizer(settings), other.optimizer(settings)
    for number in range(4):
        net.step(optimizer, number)
    other.load_state_dict(net.state_dict())
    load_optimizer(again, copy.deepcopy(optimizer.state_dict()))
    for number in range(4, len(ROWS)):
        net.step(optimizer, number)
        other.step(again, number)
    assert all(a.equal(b) for a, b in zip(net.weights, other.weights, strict=True))


WRONG = {
    "too few": (0, torch.ones(3), "step in the optimiser's memory of parameter 0 is a tensor"),
    "negative": (0, torch.tensor([1.0, 2.0, -1.0, 0.0]), "step in the optimiser's memory of parameter 0 is negative"),
    "of a shared weight": (2, torch.ones(7), "step in the optimiser's memory of parameter 2 is a tensor"),
}


@pytest.mark.parametrize(("number", "steps", "message"), WRONG.values(), ids=WRONG)
def test_step_counts_that_do_not_fit_are_refused(number, steps, message):
    net = Stacked()
    optimizer = net.optimizer(TrainSettings(epochs=1))
    net.step(optimizer, 2)
    state = optimizer.state_dict()
    load_optimizer(optimizer, state)
    state["state"][number]["step"] = steps
    with pytest.raises(ValueError, match=message):
        load_optimizer(optimizer, state)


def test_all_passes_of_an_update_count_and_none_of_the_one_before():
    net = PlantedSpec(depth=1).supernet([["h", "v", "w2", "h_flip"]], SHAPE)
    weights = trained(net, TrainSettings(epochs=1, warmup_epochs=0))
    bias = net.layers[0].conv_bias
    moved = []
    for first, second in (((0,), (1,)), ((2,), (2,))):
        before = bias.detach().clone()
        weights.backward(batch(0), [Selection(first)])
        loss = weights.loss(weights.forward(batch(1), [Selection(second)]), batch(1).targets)
        weights.fabric.backward(loss)
        weights.update()
        moved.append((bias != before).flatten(1).any(1).tolist())
    assert moved == [[True, True, False, False], [False, False, True, False]]


def test_without_selections_all_branches_run():
    net = LOCAL_VIM.supernet([["h", "v"]] * LAYERS, SHAPE)
    weights = trained(net, TrainSettings(epochs=1))
    weights.backward(batch(0))
    weights.update()
    assert weights.ran.all_of(net.layers[0].mixer.D)
    assert weights.optimizer.state[net.layers[0].mixer.D]["step"].equal(torch.tensor(1.0))
