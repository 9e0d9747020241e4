"""Which weights decay and how fast each layer learns, in every family; patterns; what cannot be told."""

import pytest
import torch
from torch import nn

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.registry import MODELS
from scansearch.runs.settings import TrainSettings
from scansearch.shape import ImageShape
from scansearch.training.optimizer import weight_optimizer
from scansearch.training.optimizer_state import load_optimizer, set_lr
from scansearch.training.parameter_groups import parameter_groups, spared_weights

SHAPE = ImageShape(8, 8, channels=1, classes=3)
PLAIN = {"embed_dim": 8, "depth": 3, "patch_size": 2}
STAGES = {"embed_dim": 8, "depths": [1, 2], "patch_size": 1}
FAMILIES = {
    "local_vim_nano": PLAIN,
    "vim_tiny": PLAIN,
    "local_vmamba_nano": STAGES,
    "vmamba_tiny": STAGES,
    "vmamba_tiny_s1l8": STAGES,
}
LAYERS = {
    "local_vim_nano": {"patch_embed": 0, "pos_embed": 0, "layers.0": 1, "layers.2": 3, "norm_f": 4, "head": 4},
    "vim_tiny": {"cls_token": 0, "pos_embed": 0, "layers.1": 2},
    "local_vmamba_nano": {
        "patch_embed": 0, "layers.0.blocks.0": 1, "layers.0.downsample": 1, "layers.1.blocks.0": 2, "layers.1.blocks.1": 3, "classifier": 4,
    },
    "vmamba_tiny_s1l8": {"layers.0.downsample.1": 1, "layers.1.blocks.1.mlp.fc1": 3, "classifier.head": 4},
}  # fmt: skip


def network(model="local_vim_nano"):
    torch.manual_seed(0)
    return MODELS.get(model).configure(**FAMILIES[model], scan_backend="torch").network([["h", "h_flip"]] * 3, SHAPE)


def settings_of(net, **settings):
    """For each weight: its learning rate, as a share of the peak, and its weight decay."""
    told = TrainSettings(weight_decay=0.1, **settings)
    groups = {id(p): group for group in parameter_groups(net, told) for p in group["params"]}
    return {name: (groups[id(p)]["lr"] / told.lr, groups[id(p)]["weight_decay"]) for name, p in net.named_parameters()}


@pytest.mark.parametrize("model", FAMILIES)
def test_every_weight_is_in_one_group(model):
    net = network(model)
    for settings in ({}, {"layer_decay": 0.5}):
        found = [p for group in parameter_groups(net, TrainSettings(**settings)) for p in group["params"]]
        assert len(found) == len(set(map(id, found))) == len(list(net.parameters()))


@pytest.mark.parametrize("model", LAYERS)
def test_a_layer_learns_at_a_share_of_the_rate_of_the_next(model):
    net = network(model)
    found, wanted = settings_of(net, layer_decay=0.5), LAYERS[model]
    for prefix, layer in wanted.items():
        rates = {rate for name, (rate, _) in found.items() if name == prefix or name.startswith(f"{prefix}.")}
        assert rates == {0.5 ** (4 - layer)}, prefix
    assert {rate for rate, _ in found.values()} == {0.5**n for n in range(5)}


@pytest.mark.parametrize("model", FAMILIES)
def test_layers_change_nothing_about_decay(model):
    net = network(model)
    plain, by_layer = settings_of(net), settings_of(net, layer_decay=0.7)
    assert {name: decay for name, (_, decay) in plain.items()} == {name: decay for name, (_, decay) in by_layer.items()}
    spared = {name for name, (_, decay) in plain.items() if not decay}
    assert spared == net.no_weight_decay()
    assert all(p.ndim > 1 for name, p in net.named_parameters() if name not in spared)


def test_patterns_spare_more_and_fewer():
    net = network()
    own = net.no_weight_decay()
    more = spared_weights(net, TrainSettings(without_decay=["*.A_log", "pos_embed"]))
    assert more - own == {"pos_embed", *(f"layers.{i}.mixer.A_log" for i in range(3))}
    assert more >= own
    fewer = spared_weights(net, TrainSettings(with_decay=["*.D", "layers.[01].norm.weight"]))
    assert own - fewer == {*(f"layers.{i}.mixer.D" for i in range(3)), "layers.0.norm.weight", "layers.1.norm.weight"}
    assert spared_weights(net, TrainSettings(without_decay=["*"], with_decay=["*"])) == set()


@pytest.mark.parametrize("setting", ["without_decay", "with_decay"])
def test_a_pattern_that_matches_nothing_is_refused(setting):
    with pytest.raises(
        ScansearchError,
        match=rf"^{setting} has the pattern '\*\.beta', but no weight .* there is pos_embed, patch_embed",
    ):
        parameter_groups(network(), TrainSettings(**{setting: ["*.D", "*.beta"]}))


def test_a_network_that_does_not_know_its_layers_is_refused():
    with pytest.raises(UnsupportedError, match="a Linear does not say it by layer_numbers\\(\\); set it to 1"):
        parameter_groups(nn.Linear(2, 2), TrainSettings(layer_decay=0.9))
    assert len(parameter_groups(nn.Linear(2, 2), TrainSettings())) == 2


def test_shares_stay_when_rates_change_and_come_back():
    optimizer = weight_optimizer(network(), TrainSettings(layer_decay=0.5))
    set_lr(optimizer, 0.2)
    rates = [group["lr"] for group in optimizer.param_groups]
    assert rates == sorted(rates)
    assert (rates[0], rates[-1]) == (0.2 / 16, 0.2)
    again = weight_optimizer(network(), TrainSettings(layer_decay=0.5))
    load_optimizer(again, optimizer.state_dict())
    assert [group["lr"] for group in again.param_groups] == rates
    set_lr(again, 0.4)
    assert again.param_groups[0]["lr"] == 0.4 / 16


@pytest.mark.parametrize(
    "wrong", [{"layer_decay": 0.0}, {"layer_decay": 1.1}, {"without_decay": [""]}, {"with_decay": ["x"] * 101}], ids=str
)
def test_limits(wrong):
    with pytest.raises(ValueError):
        TrainSettings(**wrong)
