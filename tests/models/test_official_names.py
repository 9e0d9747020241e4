"""Weights go out under the names of LocalMamba's code, with its shapes, and come back."""

import pytest
import torch

from scansearch.genotype import published
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

IMAGENET = ImageShape(224, 224, channels=3, classes=1000)
SMALL = ImageShape(8, 8, channels=1, classes=3)
NANO = MODELS.get("local_vim_nano").configure(depth=2)
CANDIDATES = ["h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip"]


def listed(width, directions, attention=8, class_token=False, searched=False):
    """Names and shapes as LocalMamba's code has them, written down by themselves."""
    inner, rank, reduced = 2 * width, -(-width // 16), 2 * width // attention
    tokens = 196 + class_token
    names = {"patch_embed.proj.weight": (width, 3, 16, 16), "patch_embed.proj.bias": (width,)}
    names |= {"pos_embed": (1, tokens, width), "norm_f.weight": (width,)}
    names |= {"head.weight": (1000, width), "head.bias": (1000,)}
    if class_token:
        names |= {"cls_token": (1, 1, width)}
    else:
        names |= {"rope.freqs_cos": (196, width), "rope.freqs_sin": (196, width)}
    for number, kept in enumerate(directions):
        layer = {"norm.weight": (width,)}
        mixer = {"in_proj.weight": (2 * inner, width), "out_proj.weight": (width, inner)}
        for i in range(len(kept)):
            mixer |= {f"A_log_{i}": (inner, 16), f"D_{i}": (inner,), f"conv1d_{i}.bias": (inner,)}
            mixer |= {f"conv1d_{i}.weight": (inner, 1, 4), f"x_proj_{i}.weight": (rank + 32, inner)}
            mixer |= {f"dt_proj_{i}.weight": (inner, rank), f"dt_proj_{i}.bias": (inner,)}
        mixer |= {"attn.norm.weight": (inner,), "attn.norm.bias": (inner,)}
        mixer |= {"attn.global_reduce.weight": (reduced, inner), "attn.global_reduce.bias": (reduced,)}
        mixer |= {"attn.channel_select.weight": (inner, reduced), "attn.channel_select.bias": (inner,)}
        if searched:
            mixer["multi_scan.weights"] = (len(kept), 1, 1, 1)
        layer |= {f"mixer.{name}": shape for name, shape in mixer.items()}
        names |= {f"layers.{number}.{name}": shape for name, shape in layer.items()}
    return names


def shapes(weights):
    return {name: tuple(value.shape) for name, value in weights.items()}


@pytest.mark.parametrize(
    ("model", "width", "token", "parameters"),
    [
        ("local_vim_tiny", 192, "none", 7_994_152),
        ("local_vim_tiny", 192, "middle", 7_994_536),
        ("local_vim_small", 384, "none", 27_783_784),
    ],
)
def test_a_published_network_has_the_published_weights(model, width, token, parameters):
    spec, directions = MODELS.get(model).configure(class_token=token), published("local_vim_tiny").directions
    with torch.device("meta"):
        network = spec.network(directions, IMAGENET)
    found = spec.official_state_dict(network)
    assert shapes(found) == listed(width, directions, class_token=token == "middle")
    assert sum(value.numel() for name, value in found.items() if "rope" not in name) == parameters


def test_the_published_supernet_has_the_published_weights():
    spec = MODELS.get("local_vim_search")
    with torch.device("meta"):
        network = spec.supernet([CANDIDATES] * 20, IMAGENET)
    found = spec.official_state_dict(network)
    assert shapes(found) == listed(128, [CANDIDATES] * 20, searched=True)
    assert sum(value.numel() for name, value in found.items() if "rope" not in name) == 5_473_288


@pytest.mark.parametrize("kind", ["network", "supernet"])
def test_weights_come_back_as_they_went_out(kind):
    one, other = (getattr(NANO, kind)([["h", "w2", "v"], ["v_flip"]], SMALL) for _ in range(2))
    assert not torch.equal(one.head.weight, other.head.weight)
    NANO.load_official(other, {name: value.clone() for name, value in NANO.official_state_dict(one).items()})
    for (name, ours), theirs in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name


def test_each_direction_has_its_own_row():
    network = NANO.network([["h", "w2"], ["v"]], SMALL)
    weights = NANO.official_state_dict(network)
    mixer = network.layers[0].mixer
    assert torch.equal(weights["layers.0.mixer.A_log_1"], mixer.A_log[1])
    assert torch.equal(weights["layers.0.mixer.conv1d_1.weight"][:, 0], mixer.conv_weight[1])
