"""How the parameters of LocalVMamba and VMamba start, and which are decayed."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from scansearch.registry import MODELS
from scansearch.runs.settings import TrainSettings
from scansearch.shape import ImageShape
from scansearch.training.optimizer import weight_optimizer

SHAPE = ImageShape(32, 32, channels=3, classes=100)
OP = "layers.0.blocks.0.op."


def supernet(name: str, **options: Any) -> Any:
    torch.manual_seed(0)
    spec = MODELS.get(name).configure(depths=[1, 1], scan_backend="torch", **options)
    return spec.supernet([["h", "v", "w2"]] * 2, SHAPE)


def uniform(fan_in: float) -> float:
    return 1 / math.sqrt(3 * fan_in)


LINEAR = (0, 0.02)
COMMON = {  # mean and standard deviation, at width 96
    f"{OP}in_proj.weight": LINEAR, f"{OP}out_proj.weight": LINEAR, f"{OP}D": (1, 0), f"{OP}out_norm.weight": (1, 0),
    f"{OP}out_norm.bias": (0, 0), "layers.0.blocks.0.norm.weight": (1, 0), "layers.0.blocks.0.norm.bias": (0, 0),
    f"{OP}conv2d.weight": (0, uniform(9)), "classifier.head.weight": LINEAR, "classifier.head.bias": (0, 0),
    "classifier.norm.weight": (1, 0), "classifier.norm.bias": (0, 0),
}  # fmt: skip
LOCAL = COMMON | {
    "patch_embed.0.weight": (0, uniform(48)), "patch_embed.2.weight": (1, 0), "patch_embed.2.bias": (0, 0),
    f"{OP}x_proj_weight": (0, uniform(192)), f"{OP}dt_proj_weight": (0, uniform(6)),
    f"{OP}attn.global_reduce.weight": LINEAR, f"{OP}attn.global_reduce.bias": (0, 0), f"{OP}attn.norm.weight": (1, 0),
    f"{OP}attn.channel_select.weight": LINEAR, f"{OP}attn.channel_select.bias": (0, 0), f"{OP}attn.norm.bias": (0, 0),
    "layers.0.downsample.reduction.weight": LINEAR, "layers.0.downsample.norm.weight": (1, 0),
    "layers.0.downsample.norm.bias": (0, 0),
}  # fmt: skip
TODAY = COMMON | {
    "patch_embed.0.weight": (0, uniform(27)), "patch_embed.5.weight": (0, uniform(9 * 48)),
    f"{OP}x_proj_weight": (0, uniform(96)), f"{OP}dt_proj_weight": (0, uniform(6)),
    "layers.0.blocks.0.mlp.fc1.weight": LINEAR, "layers.0.blocks.0.mlp.fc2.weight": LINEAR,
    "layers.0.blocks.0.mlp.fc1.bias": (0, 0), "layers.0.blocks.0.mlp.fc2.bias": (0, 0),
    "layers.0.downsample.1.weight": (0, uniform(9 * 96)), "layers.0.downsample.3.weight": (1, 0),
    "layers.0.blocks.0.norm2.weight": (1, 0), "layers.0.blocks.0.norm2.bias": (0, 0),
    "patch_embed.2.weight": (1, 0), "patch_embed.2.bias": (0, 0), "patch_embed.7.weight": (1, 0),
    "patch_embed.7.bias": (0, 0), "layers.0.downsample.3.bias": (0, 0),
}  # fmt: skip
OTHERS = {
    f"{OP}A_log", f"{OP}alpha", f"{OP}dt_proj_bias", f"{OP}conv2d.bias", "patch_embed.0.bias", "patch_embed.5.bias",
    "layers.0.downsample.1.bias",
}  # fmt: skip


@pytest.mark.parametrize(("name", "wanted"), [("local_vmamba_tiny", LOCAL), ("vmamba_tiny_s1l8", TODAY)])
def test_every_parameter_starts_as_published(name: str, wanted: dict[str, tuple[float, float]]) -> None:
    found = dict(supernet(name).named_parameters())
    assert {n for n in found if not n.startswith("layers.1.")} - OTHERS == wanted.keys()
    for key, (mean, std) in wanted.items():
        p = found[key].detach().double()
        if std == 0:
            assert bool((p == mean).all()), key
        else:
            assert float(p.mean()) == pytest.approx(mean, abs=5 * std / math.sqrt(p.numel())), key
            assert float(p.std()) == pytest.approx(std, rel=5 / math.sqrt(2 * p.numel())), key
    states = torch.arange(1.0, 1 + found[f"{OP}A_log"].shape[2]).log()
    assert torch.equal(found[f"{OP}A_log"], states.expand_as(found[f"{OP}A_log"]))
    steps = torch.nn.functional.softplus(found[f"{OP}dt_proj_bias"])
    assert 9e-4 <= float(steps.min()) <= float(steps.max()) <= 0.11
    assert float(steps.log().mean()) == pytest.approx(math.log(1e-2), abs=0.3)


@pytest.mark.parametrize("name", ["local_vmamba_tiny", "vmamba_tiny_s1l8"])
def test_what_is_one_dimensional_in_published_code_is_not_decayed(name: str) -> None:
    """Step-size biases have two dimensions there, (directions, channels): they are decayed; D has one."""
    spec, network = MODELS.get(name), supernet(name)
    decayed = {id(p) for p in weight_optimizer(network, TrainSettings()).param_groups[0]["params"]}
    alphas = {id(alpha) for alpha in network.architecture_parameters()}
    flat = spec.official_state_dict(network)
    dims = {value.data_ptr(): value.ndim for value in flat.values()}
    for key, p in network.named_parameters():
        if id(p) not in alphas:
            assert (id(p) in decayed) == (dims[p.data_ptr()] > 1), key
    assert id(network.get_parameter(f"{OP}dt_proj_bias")) in decayed
    assert id(network.get_parameter(f"{OP}D")) not in decayed
