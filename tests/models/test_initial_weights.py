"""LocalVim's two ways to start, parameter by parameter, and what is decayed."""

from __future__ import annotations

import math

import pytest
import torch

from scansearch.models.local_vim.network import LocalVimSupernet
from scansearch.models.local_vim.presets import LOCAL_VIM_SEARCH
from scansearch.runs.settings import TrainSettings
from scansearch.shape import ImageShape
from scansearch.training.optimizer import weight_optimizer

CANDIDATES = ("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip")
SHAPE = ImageShape(224, 224, channels=3, classes=100)
TOKEN = {"class_token": "middle"}


def supernet(**options: object) -> LocalVimSupernet:
    """The published search with two of its layers."""
    torch.manual_seed(0)
    model = LOCAL_VIM_SEARCH.configure(depth=2, scan_backend="torch", **options)
    return model.supernet([CANDIDATES] * 2, SHAPE)


def uniform(bound: float) -> float:
    return bound / math.sqrt(3)


RELEASED = {  # mean and standard deviation
    "patch_embed.proj.weight": (0, uniform(1 / math.sqrt(3 * 256))),
    "pos_embed": (0, 0.02),
    "layers.0.mixer.in_proj.weight": (0, 0.02),
    "layers.0.mixer.out_proj.weight": (0, uniform(1 / math.sqrt(256)) / math.sqrt(2)),
    "layers.0.mixer.conv_weight": (0, uniform(1 / math.sqrt(4))),
    "layers.0.mixer.conv_bias": (0, uniform(1 / math.sqrt(4))),
    "layers.0.mixer.x_proj_weight": (0, 0.02),
    "layers.0.mixer.dt_proj_weight": (0, 0.02),
    "layers.0.mixer.dt_proj_bias": (0, 0),
    "layers.0.mixer.D": (1, 0),
    "layers.0.mixer.attn.global_reduce.weight": (0, 0.02),
    "layers.0.mixer.attn.global_reduce.bias": (0, 0),
    "layers.0.mixer.attn.channel_select.weight": (0, 0.02),
    "layers.0.mixer.attn.channel_select.bias": (0, 0),
    "layers.0.mixer.attn.norm.weight": (1, 0),
    "layers.0.mixer.attn.norm.bias": (0, 0),
    "layers.0.norm.weight": (1, 0),
    "norm_f.weight": (1, 0),
    "head.weight": (0, 0.02),
    "head.bias": (0, 0),
    "cls_token": (0, 0),
}
INTENDED = RELEASED | {
    "layers.0.mixer.in_proj.weight": (0, uniform(1 / math.sqrt(128))),
    "layers.0.mixer.x_proj_weight": (0, uniform(1 / math.sqrt(256))),
    "layers.0.mixer.dt_proj_weight": (0, uniform(1 / math.sqrt(8))),
    "layers.0.mixer.attn.global_reduce.weight": (0, uniform(1 / math.sqrt(256))),
    "layers.0.mixer.attn.channel_select.weight": (0, uniform(1 / math.sqrt(32))),
}


@pytest.mark.parametrize(("init", "wanted"), [("released", RELEASED), ("mamba", INTENDED)])
def test_every_parameter_starts_as_published(init: str, wanted: dict[str, tuple[float, float]]) -> None:
    network = supernet(init=init, **TOKEN)
    found = dict(network.named_parameters())
    others = {"layers.0.mixer.A_log", "layers.0.mixer.alpha", "patch_embed.proj.bias"}
    others |= {name for name in INTENDED if init == "mamba" and (name.endswith(".bias") or "dt_proj_bias" in name)}
    assert wanted.keys() | others == {name for name in found if not name.startswith("layers.1.")}
    for name in wanted.keys() - others:
        (mean, std), p = wanted[name], found[name].detach().double()
        if std == 0:
            assert bool((p == mean).all()), name
        else:
            assert float(p.mean()) == pytest.approx(mean, abs=5 * std / math.sqrt(p.numel())), name
            assert float(p.std()) == pytest.approx(std, rel=5 / math.sqrt(2 * p.numel())), name
    states = torch.arange(1.0, 17.0).log()
    assert torch.equal(found["layers.0.mixer.A_log"], states.expand(8, 256, 16))


@pytest.mark.parametrize(("width", "wanted"), [(128, 0.00807), (192, 0.00659)])
def test_out_proj_is_drawn_last(width: int, wanted: float) -> None:
    """Within +-1 / sqrt(D depth), not normal as the pass over all linear maps before leaves it; the code's figure at depth 20."""
    torch.manual_seed(0)
    model = LOCAL_VIM_SEARCH.configure(embed_dim=width, init="released", scan_backend="torch")
    network = model.network([["h"]] * 20, ImageShape(32, 32, channels=3, classes=2))
    drawn = torch.stack([layer.mixer.out_proj.weight.detach() for layer in network.layers])
    assert float(drawn.std()) == pytest.approx(wanted, rel=5e-3)
    assert float(drawn.abs().max()) == pytest.approx(1 / math.sqrt(2 * width * 20), rel=1e-4)


@pytest.mark.parametrize("init", ["mamba", "released"])
def test_derived_networks_start_alike(init: str) -> None:
    whole, part = supernet(init=init), supernet(init=init).derive([["w2", "h"]] * 2)
    assert torch.equal(part.layers[0].mixer.out_proj.weight, whole.layers[0].mixer.out_proj.weight)


def test_what_is_decayed() -> None:
    matrices = {
        f"layers.{i}.mixer.{name}"
        for i in range(2)
        for name in (
            "in_proj.weight", "out_proj.weight", "A_log", "conv_weight", "x_proj_weight", "dt_proj_weight",
            "attn.global_reduce.weight", "attn.channel_select.weight",
        )
    } | {"patch_embed.proj.weight", "head.weight"}  # fmt: skip
    positions = {"pos_embed", "cls_token"}
    for spared, wanted in ((True, matrices), (False, matrices | positions)):
        network = supernet(decay_positions=not spared, **TOKEN)
        decayed = {id(p) for p in weight_optimizer(network, TrainSettings()).param_groups[0]["params"]}
        assert {name for name, p in network.named_parameters() if id(p) in decayed} == wanted
        alone = network.derive([["h", "v"]] * 2)
        assert {name for name, _ in alone.named_parameters()} - alone.no_weight_decay() == wanted
