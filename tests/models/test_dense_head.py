"""The head for classes of pixels, alone and in every family."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import scansearch
from scansearch.models.dense_head import DenseHead
from scansearch.models.dense_size import dense_flops, dense_parameters
from scansearch.models.flop_formulas import FORMULAS
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

SHAPE = ImageShape(16, 24, channels=3, classes=5, dense=True)
SMALL = {
    "local_vim_nano": {},
    "local_vmamba_nano": {},
    "vim_tiny": {"depth": 2, "embed_dim": 16, "patch_size": 4},
    "vmamba_tiny_s1l8": {"embed_dim": 8, "depths": [1, 1]},
}


def spec_of(name):
    return MODELS.get(name).configure(**SMALL[name])


def directions_of(spec, shape=SHAPE):
    return [["h", "h_flip"]] * len(spec.layers(shape))


@pytest.mark.parametrize("name", SMALL)
def test_every_family_gives_a_class_for_each_pixel_and_learns_from_it(name):
    spec = spec_of(name)
    network = spec.network(directions_of(spec), SHAPE)
    logits = network(torch.randn(2, 3, 16, 24))
    assert logits.shape == (2, 5, 16, 24)
    logits.square().mean().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None]
    assert sum(p.numel() for p in network.parameters()) == spec.parameters(directions_of(spec), SHAPE)


@pytest.mark.parametrize("name", SMALL)
def test_all_but_the_head_is_as_for_classes_of_images(name):
    spec = spec_of(name)
    plain = ImageShape(16, 24, channels=3, classes=5)
    torch.manual_seed(0)
    ours = spec.network(directions_of(spec), SHAPE).state_dict()
    theirs = spec.network(directions_of(spec), plain).state_dict()
    only = {key.partition(".")[0] for key in ours.keys() ^ theirs.keys()}
    assert only <= {"dense_head", "head", "classifier"}
    assert {key: value.shape for key, value in ours.items() if key in theirs} == {
        key: value.shape for key, value in theirs.items() if key in ours
    }


@pytest.mark.parametrize("name", SMALL)
def test_a_derived_network_and_one_at_another_size_keep_the_head(name):
    spec = spec_of(name)
    supernet = spec.supernet([["h", "v", "h_flip"]] * len(spec.layers(SHAPE)), SHAPE)
    network = supernet.derive([["v", "h"]] * len(spec.layers(SHAPE)))
    other = network.at((32, 16))
    assert other(torch.zeros(1, 3, 32, 16)).shape == (1, 5, 32, 16)
    for key, value in supernet.state_dict().items():
        if key.startswith("dense_head."):
            assert torch.equal(network.state_dict()[key], value)
            assert torch.equal(other.state_dict()[key], value)


def test_the_place_of_the_class_token_is_left_out():
    spec = spec_of("vim_tiny")
    network = spec.network(directions_of(spec), SHAPE).eval()
    images = torch.randn(1, 3, 16, 24)
    tokens, (features,) = network.forward_features(images), network.feature_maps(images)
    patches = torch.cat([tokens[:, :12], tokens[:, 13:]], 1)  # 4 x 6 patches, and the token in their middle
    assert torch.equal(features, patches.transpose(1, 2).reshape(1, 16, 4, 6))


def test_maps_stand_where_their_pixels_are():
    """A network that answers for a pixel from its surroundings moves with the image."""
    torch.manual_seed(0)
    head = DenseHead([4, 8], SHAPE).eval()
    images, maps = torch.zeros(1, 3, 16, 24), [torch.zeros(1, 4, 8, 12), torch.zeros(1, 8, 4, 6)]
    maps[1][0, 0, 1, 4] = 50.0  # its middle is at row 6, column 18 of the image
    changed = (head(images, maps) - head(images, [maps[0], torch.zeros(1, 8, 4, 6)])).abs().sum(1)[0]
    rows, columns = (torch.arange(n) + 0.5 for n in (16, 24))
    weight = changed - changed.median()
    total = weight.clamp(min=0)
    centre = float((total.sum(1) * rows).sum() / total.sum()), float((total.sum(0) * columns).sum() / total.sum())
    assert centre == pytest.approx((6, 18), abs=1.5)


def test_parameters_and_products_are_counted():
    widths, grids = [4, 8, 12], [(8, 12), (4, 6), (2, 3)]
    head = DenseHead(widths, SHAPE)
    assert sum(p.numel() for p in head.parameters()) == dense_parameters(widths, SHAPE)
    counted = []

    def count(module, _, out):
        if isinstance(module, nn.Conv2d):
            counted.append(module.weight[0].numel() * out.numel())

    for module in head.modules():
        module.register_forward_hook(count)
    head(torch.zeros(1, 3, 16, 24), [torch.zeros(1, w, *grid) for w, grid in zip(widths, grids, strict=True)])
    assert sum(counted) == dense_flops(widths, grids, FORMULAS["localmamba"], SHAPE)


@pytest.mark.parametrize("name", ["local_vim_nano", "local_vmamba_nano"])
def test_flops_outside_the_layers_have_those_of_the_head(name):
    spec, plain = spec_of(name), ImageShape(16, 24, channels=3, classes=5)
    formula, directions = FORMULAS["vmamba"], directions_of(spec)
    ours, theirs = spec.flops(formula, directions, SHAPE), spec.flops(formula, directions, plain)
    assert ours.layers == theirs.layers
    assert ours.fixed > theirs.fixed


def test_python_builds_it_too():
    network = scansearch.build(
        "local_vim_nano", genotype=[["h"]] * 4, num_classes=2, image_size=8, in_channels=1, dense=True
    )
    assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 2, 8, 8)
