"""From classes of images to classes of pixels and back: the backbone's weights are taken, the head is new."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import scansearch
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.models import SearchableScan
from scansearch.models.backbone import BackboneSpec
from scansearch.registry import MODELS
from scansearch.retraining.inherit import Donor, head_of, take_over
from scansearch.runs.run import Run
from scansearch.runs.weights_file import load_network
from scansearch.shape import ImageShape
from scansearch.training.events import Silent
from tests.mask_images import write_masked

OF_IMAGES, OF_PIXELS = ImageShape(16, 16, 3, 4), ImageShape(16, 16, 3, 3, dense=True)
HEADS = {
    "local_vim_nano": ({"depth": 2, "patch_size": 4}, "head"),
    "local_vmamba_nano": ({"depths": [1, 1], "patch_size": 4}, "classifier"),
    "vim_tiny": ({"depth": 2, "embed_dim": 16, "patch_size": 4}, "head"),
    "vmamba_tiny_s1l8": ({"embed_dim": 8, "depths": [1, 1], "patch_size": 4}, "classifier"),
}
DIRECTIONS = [["h", "v_flip"], ["w2", "h_flip"]]
QUICK = {"model": "local_vim_nano", "epochs": 1, "batch_size": 8, "warmup_epochs": 0, "depth": 2, "patch_size": 4}


def spec_of(name):
    return MODELS.get(name).configure(**HEADS[name][0])


def inherit(spec, shape, then):
    """The network of ``shape``, as it was and with the weights of one of ``then``; those; and what was said."""
    network, donor = spec.network(DIRECTIONS, shape), spec.network(DIRECTIONS, then)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    told = take_over(network, Donor(donor, then, "x", "y"), shape, head_of(spec, DIRECTIONS, shape, then))
    return before, network.state_dict(), donor.state_dict(), told


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("back", [False, True], ids=["to pixels", "to images"])
def test_every_family_takes_all_but_the_head(name, back):
    shape, then = (OF_IMAGES, OF_PIXELS) if back else (OF_PIXELS, OF_IMAGES)
    before, weights, donor, told = inherit(spec_of(name), shape, then)
    fresh = {key for key in weights if key not in donor}
    ours, theirs = (HEADS[name][1], "dense_head") if back else ("dense_head", HEADS[name][1])
    assert {key.partition(".")[0] for key in fresh} == {ours}
    for key, value in weights.items():
        assert torch.equal(value, before[key] if key in fresh else donor[key]), key
    kinds = ("4 classes of images", "3 classes of pixels")
    new, left = kinds if back else kinds[::-1]
    assert told == (
        f"inherited from x: {len(weights) - len(fresh)} of {len(weights)} tensors; new: {ours}, for {new}; "
        f"not taken: {theirs}, for {left}"
    )


def test_images_may_be_larger_than_those_of_the_classifier():
    spec, larger = spec_of("local_vim_nano"), ImageShape(24, 32, 3, 3, dense=True)
    _, weights, donor, _ = inherit(spec, larger, OF_IMAGES)
    assert weights["pos_embed"].shape == (1, 48, 16)
    shared = {name for name in weights.keys() & donor.keys() if name != "pos_embed" and not name.startswith("rope.")}
    assert len(shared) > 40
    assert not [
        name
        for name in shared
        if weights[name].shape != donor[name].shape or not torch.equal(weights[name], donor[name])
    ]
    torch.testing.assert_close(weights["pos_embed"].mean(), donor["pos_embed"].mean(), atol=1e-2, rtol=0)


def test_a_backbone_of_ones_own_whose_heads_have_one_name():
    class Net(nn.Module):
        def __init__(self, shape):
            super().__init__()
            self.dense = shape.dense
            self.embed = nn.Conv2d(shape.channels, 8, 4, 4)
            self.scan, self.scan2 = (SearchableScan(nn.Linear(8, 8)) for _ in range(2))
            self.head = nn.ConvTranspose2d(8, shape.classes, 4, 4) if shape.dense else nn.Conv2d(8, shape.classes, 1)

        def forward(self, images):
            maps = self.embed(images)
            grid = tuple(maps.shape[2:])
            tokens = self.scan2(self.scan(maps.flatten(2).transpose(1, 2), grid=grid), grid=grid)
            logits = self.head(tokens.transpose(1, 2).view_as(maps))
            return logits if self.dense else logits.mean((2, 3))

    _, weights, donor, told = inherit(BackboneSpec("own", "", Net), OF_PIXELS, OF_IMAGES)
    assert {key for key in weights if not torch.equal(weights[key], donor[key])} == {"head.weight", "head.bias"}
    assert "new: head, for 3 classes of pixels; not taken: head, for 4 classes of images" in told


def test_a_network_of_other_depth_or_colours_is_still_refused():
    spec = spec_of("local_vim_nano")
    head = head_of(spec, DIRECTIONS, OF_PIXELS, OF_IMAGES)
    deeper = spec.configure(depth=3).network([*DIRECTIONS, ["h"]], OF_IMAGES)
    with pytest.raises(ScansearchError, match=r"unknown: layers\.\*\.norm\.weight, .* of y with depth=3, and"):
        take_over(spec.network(DIRECTIONS, OF_PIXELS), Donor(deeper, OF_IMAGES, "x", "y with depth=3"), OF_PIXELS, head)
    grey = ImageShape(16, 16, 1, 4)
    donor = Donor(spec.network(DIRECTIONS, grey), grey, "x", "y")
    with pytest.raises(ScansearchError, match=r"patch_embed\.\S+ \(16, 1, 4, 4\) for .*and colour channels"):
        take_over(spec.network(DIRECTIONS, OF_PIXELS), donor, OF_PIXELS, head)


class Told(Silent):
    def __init__(self):
        self.lines = []

    def warned(self, message):
        self.lines.append(message)


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    """Folders of images with a class each, and of images with masks."""
    folder, random = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    write_masked(folder / "masks", 20)
    for name in "ab":
        (folder / "classes" / name).mkdir(parents=True)
        for number in range(10):
            pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "classes" / name / f"{number}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield {"imagefolder": str(folder / "classes"), "maskfolder": str(folder / "masks")}


def trained(out, roots, data, **more):
    """The weights of a training at a rate of nearly nothing: those that it began with."""
    genotype, told = Genotype.from_directions(DIRECTIONS), Told()
    scansearch.train(
        out, genotype=genotype, data=data, data_root=roots[data], listener=told,
        lr=1e-12, min_lr=0, ema=0, weight_decay=0, **QUICK, **more,
    )  # fmt: skip
    return load_network(out / "weights.safetensors")[1].state_dict(), told.lines


@pytest.mark.parametrize(("first", "then"), [("imagefolder", "maskfolder"), ("maskfolder", "imagefolder")])
def test_a_training_goes_on_with_the_other_kind_of_classes(first, then, roots, tmp_path):
    donor, _ = trained(tmp_path / "first", roots, first)
    weights, told = trained(tmp_path / "then", roots, then, inherit=tmp_path / "first")
    shared = donor.keys() & weights.keys()
    assert {name for name in shared if not torch.allclose(donor[name], weights[name], atol=1e-6)} == set()
    (line,) = [line for line in told if line.startswith("inherited")]
    assert f"{len(shared)} of {len(weights)} tensors; new: " in line
    assert line in (tmp_path / "then" / "log.txt").read_text()
    assert Run.open(tmp_path / "then").network().shape.dense == (then == "maskfolder")


def test_a_dense_network_begins_with_a_supernet_that_told_images_apart(roots, tmp_path, monkeypatch):
    monkeypatch.setattr("scansearch.finish._draw_all", lambda *arguments: None)
    scansearch.search(
        tmp_path / "search", data="imagefolder", data_root=roots["imagefolder"], space="global4", strategy="single_path", **QUICK
    )  # fmt: skip
    scansearch.train(
        tmp_path / "run", genotype=tmp_path / "search", inherit=tmp_path / "search", data="maskfolder",
        data_root=roots["maskfolder"], listener=(told := Told()), **QUICK,
    )  # fmt: skip
    assert any("new: dense_head, for 3 classes of pixels; not taken: head, for 2" in line for line in told.lines)


@pytest.mark.parametrize("model", ["local_vim_nano", "local_vmamba_nano"])
def test_released_weights_of_a_classifier(model, roots, tmp_path):
    options, head = HEADS[model]
    spec = spec_of(model)
    network = spec.network(DIRECTIONS, ImageShape(16, 16, 3, 7))
    torch.save(spec.official_state_dict(network), tmp_path / "released.pth")
    told, settings = Told(), {**QUICK, "model": model, **options}
    if "depths" in options:
        del settings["depth"]
    scansearch.train(
        tmp_path / "run", genotype=Genotype.from_directions(DIRECTIONS), data="maskfolder", data_root=roots["maskfolder"],
        inherit=tmp_path / "released.pth", listener=told, **settings,
    )  # fmt: skip
    wanted = f"new: dense_head, for 3 classes of pixels; not taken: {head}, for 7 classes of images"
    assert any(wanted in line for line in told.lines)
