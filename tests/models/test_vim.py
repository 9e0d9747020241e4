"""Vim: its sizes, its names, how it starts, and that it is searched as a LocalVim is."""

from __future__ import annotations

import math

import pytest
import torch
from literal_vim import Literal

import scansearch
from scansearch.errors import UnsupportedError
from scansearch.genotype import published
from scansearch.models import Selection
from scansearch.models.local_vim.presets import LOCAL_VIM_NANO
from scansearch.registry import MODELS
from scansearch.runs.settings import TrainSettings
from scansearch.shape import ImageShape
from scansearch.training.optimizer import weight_optimizer

IMAGENET = ImageShape(224, 224, channels=3, classes=1000)
PAIRS = published("vim_tiny").directions
SMALL = {"embed_dim": 8, "depth": 2, "patch_size": 2, "d_state": 3, "scan_backend": "torch"}
ODD = ImageShape(6, 10, channels=2, classes=3)  # 3 x 5 patches


def listed(width: int, *, rotary: bool = False) -> dict[str, tuple[int, ...]]:
    """Names and shapes as Vim's code has them, written down by themselves."""
    inner, rank, tokens = 2 * width, width // 16, 196 + (not rotary)
    names = {"patch_embed.proj.weight": (width, 3, 16, 16), "patch_embed.proj.bias": (width,)}
    names |= {"pos_embed": (1, tokens, width), "norm_f.weight": (width,)}
    names |= {"head.weight": (1000, width), "head.bias": (1000,)}
    tables = {"rope.freqs_cos": (196, width), "rope.freqs_sin": (196, width)}
    names |= tables if rotary else {"cls_token": (1, 1, width)}
    mixer = {"in_proj.weight": (2 * inner, width), "out_proj.weight": (width, inner)}
    mixer |= {"A_log": (inner, 16), "A_b_log": (inner, 16), "D": (inner,), "D_b": (inner,)}
    for end in ("", "_b"):
        mixer |= {f"conv1d{end}.weight": (inner, 1, 4), f"conv1d{end}.bias": (inner,)}
        mixer |= {f"x_proj{end}.weight": (rank + 32, inner)}
        mixer |= {f"dt_proj{end}.weight": (inner, rank), f"dt_proj{end}.bias": (inner,)}
    for number in range(24):
        names |= {f"layers.{number}.norm.weight": (width,)}
        names |= {f"layers.{number}.mixer.{name}": shape for name, shape in mixer.items()}
    return names


@pytest.mark.parametrize(
    ("model", "width", "parameters"),
    [("vim_tiny", 192, 7_148_008), ("vim_small", 384, 25_796_584), ("vim_tiny_rotary", 192, 7_147_624)],
)
def test_a_published_network_has_the_published_weights(model: str, width: int, parameters: int) -> None:
    spec = MODELS.get(model)
    with torch.device("meta"):
        network = spec.network(PAIRS, IMAGENET)
    found = {name: tuple(value.shape) for name, value in spec.official_state_dict(network).items()}
    assert found == listed(width, rotary="rotary" in model)
    assert spec.parameters(PAIRS, IMAGENET) == sum(p.numel() for p in network.parameters()) == parameters


def test_the_published_genotype_names_its_model() -> None:
    genotype = published("vim_tiny")
    with torch.device("meta"):
        network = scansearch.build(genotype.model, genotype=genotype)
    assert sum(p.numel() for p in network.parameters()) == 7_148_008


@pytest.mark.parametrize("order", [["h", "h_flip"], ["h_flip", "h"]])
def test_weights_come_back_as_they_went_out(order: list[str]) -> None:
    spec = MODELS.get("vim_tiny").configure(**SMALL)
    one, other = spec.network([["h", "h_flip"]] * 2, ODD), spec.network([order] * 2, ODD)
    weights = {name: value.clone() for name, value in spec.official_state_dict(one).items()}
    assert torch.equal(weights["layers.1.mixer.A_b_log"], one.layers[1].mixer.A_log[1])
    assert torch.equal(weights["layers.1.mixer.conv1d_b.weight"][:, 0], one.layers[1].mixer.conv_weight[1])
    assert torch.equal(weights["layers.1.mixer.dt_proj.bias"], one.layers[1].mixer.dt_proj_bias[0])
    spec.load_official(other, weights)
    images = torch.randn(2, 2, 6, 10)
    torch.testing.assert_close(other(images), one(images))


def test_its_code_has_no_names_for_other_directions_and_supernets() -> None:
    spec = MODELS.get("vim_tiny").configure(**SMALL)
    with pytest.raises(UnsupportedError, match=r"but layer 2 of this network scans along h, v; network.state_dict"):
        spec.official_state_dict(spec.network([["h", "h_flip"], ["h", "v"]], ODD))
    with pytest.raises(UnsupportedError, match="no supernets"):
        spec.official_state_dict(spec.supernet([["h", "h_flip"]] * 2, ODD))


def weighted(network: torch.nn.Module) -> tuple[list[Selection], list[list[float]]]:
    weights = [torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)] * 2
    return [Selection((0, 1, 2), w) for w in weights], [w.tolist() for w in weights]


@pytest.mark.parametrize("weights", [True, False])
def test_it_is_searched_as_a_local_vim_is(weights: bool) -> None:
    """Weights take the place of the mean, and what is derived is the mean of what was chosen."""
    torch.manual_seed(0)
    spec, candidates = MODELS.get("vim_tiny").configure(**SMALL), [["h", "v_flip", "w2_flip"]] * 2
    torch.set_default_dtype(torch.float64)
    try:
        supernet = spec.supernet(candidates, ODD)
        images = torch.randn(2, 2, 6, 10)
    finally:
        torch.set_default_dtype(torch.float32)
    facts = {"patch": 2, "class_token": True, "whole_flips": True, "mean": not weights, "attention": "none"}
    selections, numbers = weighted(supernet) if weights else (None, None)
    slow = Literal(LOCAL_VIM_NANO.official_state_dict(supernet), candidates, (3, 5), weights=numbers, **facts)
    torch.testing.assert_close(supernet(images, selections), slow.logits(images), rtol=1e-9, atol=1e-9)
    chosen = supernet.derive([["w2_flip", "h"]] * 2)
    selected = supernet(images, [Selection((2, 0))] * 2)
    torch.testing.assert_close(chosen(images), selected, rtol=1e-9, atol=1e-9)


def uniform(bound: float) -> float:
    return bound / math.sqrt(3)


WANTED = {  # mean and standard deviation; timm 0.4.12, which Vim pins, widens its lecun-normal and does not cut it
    "patch_embed.proj.weight": (0, 1 / math.sqrt(3 * 256) / 0.87962566103423978),
    "patch_embed.proj.bias": (0, 0),
    "pos_embed": (0, 0.02),
    "cls_token": (0, 0.02),
    "layers.0.mixer.in_proj.weight": (0, uniform(1 / math.sqrt(192))),
    "layers.0.mixer.out_proj.weight": (0, uniform(1 / math.sqrt(384)) / math.sqrt(2)),
    "layers.0.mixer.x_proj.weight": (0, uniform(1 / math.sqrt(384))),
    "layers.0.mixer.x_proj_b.weight": (0, uniform(1 / math.sqrt(384))),
    "layers.0.mixer.dt_proj.weight": (0, uniform(1 / math.sqrt(12))),
    "layers.0.mixer.dt_proj_b.weight": (0, uniform(1 / math.sqrt(12))),
    "layers.0.mixer.dt_proj_b.bias": (0, 0),
    "layers.0.mixer.conv1d.weight": (0, uniform(0.5)),
    "layers.0.mixer.conv1d_b.bias": (0, uniform(0.5)),
    "layers.0.mixer.D_b": (1, 0),
    "layers.0.norm.weight": (1, 0),
    "head.weight": (0, 0.02),
    "head.bias": (0, 0),
}


def test_every_parameter_starts_as_published() -> None:
    torch.manual_seed(0)
    spec = MODELS.get("vim_tiny").configure(init="vim", depth=2, scan_backend="torch")
    weights = spec.official_state_dict(
        spec.network([["h", "h_flip"]] * 2, ImageShape(224, 224, channels=3, classes=100))
    )
    for name, (mean, std) in WANTED.items():
        p = weights[name].double()
        if std == 0:
            assert bool((p == mean).all()), name
        else:
            assert float(p.mean()) == pytest.approx(mean, abs=5 * std / math.sqrt(p.numel())), name
            assert float(p.std()) == pytest.approx(std, rel=5 / math.sqrt(2 * p.numel())), name
    dt = torch.nn.functional.softplus(weights["layers.0.mixer.dt_proj.bias"])
    assert 9e-4 <= dt.min() <= dt.max() <= 0.11
    for name in ("A_log", "A_b_log"):
        assert torch.equal(weights[f"layers.1.mixer.{name}"], torch.arange(1.0, 17.0).log().expand(384, 16))


def test_what_is_decayed() -> None:
    """What Vim's code spares: one-dimensional parameters, the position embedding and the class token."""
    spec = MODELS.get("vim_tiny").configure(**SMALL, decay_positions=False)
    network = spec.network([["h", "h_flip"]] * 2, ODD)
    spared = {id(p) for p in weight_optimizer(network, TrainSettings()).param_groups[1]["params"]}
    names = {id(value): name for name, value in network.named_parameters()}
    kept = set(names.values()) - {names[one] for one in spared}
    ends = {name.rpartition("mixer.")[2] for name in kept}
    assert ends == {
        "patch_embed.proj.weight", "head.weight", "in_proj.weight", "out_proj.weight", "A_log", "conv_weight", "x_proj_weight",
        "dt_proj_weight",
    }  # fmt: skip
