"""Weights of LocalVMamba and VMamba go out under published names and shapes, and come back; parameters are as many as published."""

import pytest
import torch

from scansearch.errors import ScansearchError
from scansearch.genotype import published
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

IMAGENET = ImageShape(224, 224, channels=3, classes=1000)
SMALL = ImageShape(12, 12, channels=1, classes=3)
EIGHT = ["h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip"]
FOUR = ["h", "v", "h_flip", "v_flip"]
NETWORKS = {
    "local_vmamba_tiny": 25_527_160,
    "local_vmamba_small": 49_748_536,
    "vmamba_tiny": 22_893_448,
    "vmamba_small": 44_417_416,
    "vmamba_tiny_s1l8": 30_249_064,
    "vmamba_tiny_s2l5": 30_705_832,
    "vmamba_small_s1l20": 49_012_840,
    "vmamba_small_s2l15": 50_147_752,
}
NANO = MODELS.get("local_vmamba_nano").configure(depths=[1, 1], attention="channel")
TODAY = MODELS.get("vmamba_tiny_s1l8").configure(embed_dim=8, depths=[1, 1])


def norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def mixer(width, kept, *, states=16, expand=2, gated=True, attention=True, searched=False):
    inner, rank = expand * width, -(-width // 16)
    names = {"in_proj.weight": ((1 + gated) * inner, width), "conv2d.weight": (inner, 1, 3, 3)}
    names |= {"x_proj_weight": (kept, rank + 2 * states, inner), "dt_projs_weight": (kept, inner, rank)}
    names |= {"dt_projs_bias": (kept, inner), "A_logs": (kept * inner, states), "Ds": (kept * inner,)}
    names |= {"out_proj.weight": (width, inner), **norm("out_norm", inner)}
    if gated:
        names["conv2d.bias"] = (inner,)
    if attention:
        names |= {**norm("multi_scan.attn.norm", inner), "multi_scan.attn.global_reduce.weight": (inner // 8, inner)}
        names |= {"multi_scan.attn.global_reduce.bias": (inner // 8,)}
        names |= {"multi_scan.attn.channel_select.weight": (inner, inner // 8)}
        names |= {"multi_scan.attn.channel_select.bias": (inner,)}
    if searched:
        names["multi_scan.weights"] = (kept, 1, 1, 1)
    return names


def listed(first, depths, kept, **form):
    """Names and shapes as LocalMamba's and VMamba's code of the paper have them, written down by themselves."""
    names = {"patch_embed.0.weight": (first, 3, 4, 4), "patch_embed.0.bias": (first,), **norm("patch_embed.2", first)}
    for stage, depth in enumerate(depths):
        width = first * 2**stage
        for block in range(depth):
            layer = {**norm("norm", width)} | {f"op.{n}": s for n, s in mixer(width, kept, **form).items()}
            names |= {f"layers.{stage}.blocks.{block}.{name}": shape for name, shape in layer.items()}
        if stage < len(depths) - 1:
            names |= norm(f"layers.{stage}.downsample.norm", 4 * width)
            names[f"layers.{stage}.downsample.reduction.weight"] = (2 * width, 4 * width)
    width = first * 2 ** (len(depths) - 1)
    return (
        names
        | norm("classifier.norm", width)
        | {"classifier.head.weight": (1000, width), "classifier.head.bias": (1000,)}
    )


def listed_today(depths, expand):
    """The same of today's VMamba."""
    names = {"patch_embed.0.weight": (48, 3, 3, 3), "patch_embed.0.bias": (48,), **norm("patch_embed.2", 48)}
    names |= {"patch_embed.5.weight": (96, 48, 3, 3), "patch_embed.5.bias": (96,), **norm("patch_embed.7", 96)}
    for stage, depth in enumerate(depths):
        width = 96 * 2**stage
        op = mixer(width, 4, states=1, expand=expand, gated=False, attention=False)
        for block in range(depth):
            layer = {**norm("norm", width), **norm("norm2", width)} | {f"op.{n}": shape for n, shape in op.items()}
            layer |= {"mlp.fc1.weight": (4 * width, width), "mlp.fc1.bias": (4 * width,)}
            layer |= {"mlp.fc2.weight": (width, 4 * width), "mlp.fc2.bias": (width,)}
            names |= {f"layers.{stage}.blocks.{block}.{name}": shape for name, shape in layer.items()}
        if stage < 3:
            names[f"layers.{stage}.downsample.1.weight"] = (2 * width, width, 3, 3)
            names |= {
                f"layers.{stage}.downsample.1.bias": (2 * width,),
                **norm(f"layers.{stage}.downsample.3", 2 * width),
            }
    return (
        names | norm("classifier.norm", 768) | {"classifier.head.weight": (1000, 768), "classifier.head.bias": (1000,)}
    )


def shapes(weights):
    return {name: tuple(value.shape) for name, value in weights.items()}


def directions_of(name):
    """Of the published genotype, or VMamba's four."""
    if name.startswith("local"):
        return published(name).directions
    return [FOUR] * MODELS.get(name).options.depth


@pytest.mark.parametrize(("name", "parameters"), NETWORKS.items())
def test_a_published_network_has_the_published_weights(name, parameters):
    spec = MODELS.get(name)
    with torch.device("meta"):
        found = spec.official_state_dict(spec.network(directions_of(name), IMAGENET))
    assert sum(value.numel() for value in found.values()) == parameters
    assert spec.parameters(directions_of(name), IMAGENET) == parameters
    if "_s" in name.replace("_small", ""):
        assert shapes(found) == listed_today(spec.options.depths, spec.options.expand)
    else:
        assert shapes(found) == listed(96, spec.options.depths, 4, attention=name.startswith("local"))


@pytest.mark.parametrize(("depths", "parameters"), [([2, 2, 9, 2], 4_576_656), ([2, 2, 27, 2], 9_148_512)])
def test_the_published_supernets_have_the_published_weights(depths, parameters):
    spec = MODELS.get("local_vmamba_search").configure(depths=depths)
    with torch.device("meta"):
        found = spec.official_state_dict(spec.supernet([EIGHT] * sum(depths), IMAGENET))
    assert shapes(found) == listed(32, depths, 8, searched=True)
    assert sum(value.numel() for value in found.values()) == parameters
    assert spec.parameters([EIGHT] * sum(depths), IMAGENET, supernet=True) == parameters


@pytest.mark.parametrize("spec", [NANO, TODAY], ids=lambda spec: spec.name)
@pytest.mark.parametrize("kind", ["network", "supernet"])
def test_weights_come_back_as_they_went_out(spec, kind):
    one, other = (getattr(spec, kind)([["h", "w2", "v"], ["v_flip"]], SMALL) for _ in range(2))
    assert not torch.equal(one.classifier.head.weight, other.classifier.head.weight)
    spec.load_official(other, {name: value.clone() for name, value in spec.official_state_dict(one).items()})
    for (name, ours), theirs in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name


def test_each_direction_has_its_own_rows():
    network = NANO.network([["h", "w2"], ["v"]], SMALL)
    weights, op = NANO.official_state_dict(network), network.layers[0].blocks[0].op
    assert torch.equal(weights["layers.0.blocks.0.op.A_logs"][16:], op.A_log[1])
    assert torch.equal(weights["layers.0.blocks.0.op.Ds"][16:], op.D[1])


def test_older_checkpoints_of_vmamba_are_read():
    spec = MODELS.get("vmamba_tiny").configure(embed_dim=8, depths=[1, 1])
    one, other = (spec.network([FOUR] * 2, SMALL) for _ in range(2))
    old = {}
    for name, value in spec.official_state_dict(one).items():
        name = name.replace("patch_embed.0", "patch_embed.proj").replace("patch_embed.2", "patch_embed.norm")
        name = name.replace(".0.norm.", ".0.ln_1.").replace(".op.", ".self_attention.")
        old[name.removeprefix("classifier.")] = value.clone()
    assert {
        "norm.bias",
        "head.weight",
        "layers.1.blocks.0.ln_1.bias",
        "layers.0.blocks.0.self_attention.Ds",
    } <= old.keys()
    spec.load_official(other, old)
    for (name, ours), theirs in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("layers.0.blocks.0.op.Ds"), r"1 missing: layers\.\*\.blocks\.\*\.op\.Ds"),
        (lambda w: w.update(extra=torch.zeros(1)), "1 unexpected: extra"),
        (lambda w: w.update({"layers.0.blocks.0.op.Ds": torch.zeros(3)}), r"op\.Ds \(3,\) for \(32,\)"),
        (lambda w: w.update({7: torch.zeros(3)}), "weights are tensors by name"),
    ],
)
def test_other_weights_are_refused_in_one_line(change, message):
    network = NANO.network([["h", "w2"], ["v"]], SMALL)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    weights = dict(NANO.official_state_dict(network))
    change(weights)
    with pytest.raises(ScansearchError, match=message) as caught:
        NANO.load_official(network, weights)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("name", "options", "fits"),
    [
        (
            "local_vmamba_small",
            {},
            "they fit local_vmamba_small (directions a layer: 1, image channels: 1, classes: 3)",
        ),
        ("vmamba_tiny", {"d_state": 8}, "they fit vmamba_tiny with d_state=8 ("),
        ("vmamba_tiny_s2l5", {}, "they fit vmamba_tiny_s2l5 ("),
        ("vmamba_tiny_s1l8", {"mlp_ratio": 2}, "they fit vmamba_tiny_s1l8 with mlp_ratio=2 ("),
        (
            "local_vmamba_micro",
            {"patch_size": 2, "dt_rank": 3},
            "they fit local_vmamba_micro with patch_size=2, dt_rank=3 (",
        ),
    ],
)
def test_which_model_other_weights_fit(name, options, fits):
    spec = MODELS.get(name).configure(**options)
    with torch.device("meta"):
        weights = spec.official_state_dict(spec.network([["h"]] * spec.options.depth, SMALL))
    with pytest.raises(ScansearchError) as caught:
        NANO.load_official(NANO.network([["h", "w2"], ["v"]], SMALL), weights)
    assert fits in str(caught.value)


@pytest.mark.parametrize("name", ["local_vmamba_tiny", "local_vmamba_small", "vmamba_tiny"])
def test_a_published_genotype_stands_on_the_layers_of_its_model(name):
    genotype, spec = published(name), MODELS.get(published(name).model)
    infos = spec.layers(IMAGENET)
    assert [(layer.stage, layer.grid) for layer in genotype.layers] == [tuple(info) for info in infos]


@pytest.mark.parametrize(
    ("name", "options", "code", "settings"),
    [
        ("local_vmamba_small", {}, "LocalMamba", {"patch_size": 4, "dims": [96, 192, 384, 768], "depths": [2, 2, 27, 2]}),
        (
            "local_vmamba_tiny",
            {"depths": [1, 2], "d_state": 8, "expand": 1, "dt_rank": 3, "patch_size": 2},
            "LocalMamba",
            {"patch_size": 2, "dims": [96, 192], "depths": [1, 2], "ssm_d_state": 8, "ssm_ratio": 1.0, "ssm_dt_rank": 3},
        ),
        (
            "vmamba_tiny",
            {},
            "VMamba",
            {
                "patch_size": 4, "dims": [96, 192, 384, 768], "depths": [2, 2, 9, 2], "forward_type": "v0", "mlp_ratio": 0.0,
                "downsample_version": "v1", "patchembed_version": "v1",
            },
        ),
        (
            "vmamba_tiny_s1l8",
            {},
            "VMamba",
            {
                "patch_size": 4, "dims": [96, 192, 384, 768], "depths": [2, 2, 8, 2], "forward_type": "v05_noz", "mlp_ratio": 4.0,
                "downsample_version": "v3", "patchembed_version": "v2", "norm_layer": "ln2d", "ssm_conv_bias": False,
                "ssm_d_state": 1, "ssm_ratio": 1.0,
            },
        ),
    ],
)  # fmt: skip
def test_what_a_model_is_in_published_code(name, options, code, settings):
    official = MODELS.get(name).configure(**options).official(None)
    assert (official.code, official.name, official.settings, official.unlike) == (code, "VSSM", settings, ())


def test_what_published_code_does_otherwise_is_said():
    assert NANO.configure(patch_size=1, reduction=4).official(None).unlike
    assert TODAY.configure(attention="channel").official(None).unlike
    assert MODELS.get("local_vmamba_tiny").official(None).windows == "padded"
    assert MODELS.get("local_vmamba_search").official(None).windows == "cut"
