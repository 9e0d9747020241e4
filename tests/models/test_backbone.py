"""A backbone of one's own, by name: searched end to end, interrupted, resumed, and on dense targets."""

from typing import Annotated

import pytest
import torch
from pydantic import Field
from test_searchable import Net, Recurrence
from torch import nn

import scansearch
from scansearch.data import DatasetSpec, DenseSplit, Parts
from scansearch.errors import InterruptedRunError, ScansearchError
from scansearch.models import BackboneSpec, LayerInfo
from scansearch.option_listing import Option
from scansearch.registry import DATASETS, MODELS
from scansearch.shape import ImageShape
from scansearch.training.events import Silent


def build(shape, channels=4, mixers=2):
    return Net(mixers, channels, shape.classes)


class PixelNet(Net):
    """A class for each pixel."""

    def forward(self, images):
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        for mixer in self.mixers:
            tokens = tokens + mixer(tokens)
        return self.head(tokens).transpose(1, 2).unflatten(2, images.shape[2:])


SHAPE = ImageShape(4, 6, channels=1, classes=5)
MINE = BackboneSpec("mine", "a test", build, Recurrence)


@pytest.fixture
def named():
    MODELS.register("mine", MINE)
    MODELS.register(
        "pixels",
        BackboneSpec("pixels", "", lambda shape: PixelNet(1, 4, shape.classes), Recurrence),
    )
    yield
    for name in ("mine", "pixels"):
        MODELS.unregister(name)


def masks(root):
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (60, 1, 4, 6), generator=random, dtype=torch.uint8)
    return Parts(DenseSplit(images, torch.arange(60) % 2, (images[:, 0] > 128).long()), ("dark", "light"))


@pytest.fixture
def masked():
    DATASETS.register("masked", DatasetSpec("masked", "", masks, "nowhere"))
    yield
    DATASETS.unregister("masked")


def test_options_are_the_build_functions_keywords():
    assert [option.name for option in MINE.options.listed()] == ["channels", "mixers"]
    wide = MINE.configure(channels=8, mixers=3)
    assert [info.grid for info in wide.layers(SHAPE)] == [(4, 6)] * 3
    network = wide.network([["h"], ["v", "h"], ["w2"]], SHAPE)
    assert network(torch.zeros(1, 1, 4, 6)).shape == (1, 5)
    with pytest.raises(ScansearchError, match="unknown option of model mine 'chanels'"):
        MINE.configure(chanels=8)
    with pytest.raises(ScansearchError, match="model option channels takes an integer, but got 'wide'"):
        MINE.configure(channels="wide")


def test_a_look_at_the_layers_leaves_the_seed_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    MINE.layers(SHAPE)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("strategy", ["darts", "single_path"])
def test_it_is_searched_interrupted_and_resumed_like_any_model(named, tmp_path, strategy):
    settings = {"epochs": 1, "limit": 128, "batch_size": 32, "channels": 3, "checkpoint_steps": 2}
    if strategy == "single_path":
        settings |= {"generations": 1, "population": 4, "parents": 2, "mutations": 2, "crossovers": 2}
    run = {"model": "mine", "space": "global4", "strategy": strategy, **settings}

    class Stop(Silent):
        def stepped(self, progress):
            if progress.step == 3:
                import signal

                signal.raise_signal(signal.SIGTERM)

    whole = scansearch.search(tmp_path / "whole", **run)
    with pytest.raises(InterruptedRunError):
        scansearch.search(tmp_path / "cut", listener=Stop(), **run)
    assert scansearch.resume(tmp_path / "cut") == whole.model_copy(update={"search": {**whole.search}})
    assert (tmp_path / "cut" / "metrics.csv").read_bytes() == (tmp_path / "whole" / "metrics.csv").read_bytes()


def test_dense_targets_are_learned_and_counted_by_the_pixel(named, masked, tmp_path):
    genotype = scansearch.search(
        tmp_path / "run", model="pixels", data="masked", space="global4", epochs=15, batch_size=16, lr=0.02
    )
    assert [layer.grid for layer in genotype.layers] == [(4, 6)]
    assert 0.6 < genotype.search["supernet_mean_iou"] <= 1


def test_mixed_masks_are_refused_before_anything_is_written(named, masked, tmp_path):
    with pytest.raises(ScansearchError, match="a mask follows its image .* but not through mixup; use --set mixup=0"):
        scansearch.search(tmp_path / "run", model="pixels", data="masked", space="global4", epochs=1, mixup=0.5)
    assert not (tmp_path / "run").exists()


def test_a_network_of_classes_for_images_is_refused(named, masked, tmp_path):
    with pytest.raises(
        ScansearchError, match=r"images with a class for each pixel need a network that gives \(B, classes, H, W\)"
    ):
        scansearch.search(tmp_path / "run", model="mine", data="masked", space="global4", epochs=1, channels=3)


def test_dense_splits_keep_images_and_targets_together():
    split = masks(None).train
    images, targets = split.subset(torch.tensor([3, 5])).batch(torch.tensor([1]))
    assert torch.equal(targets, (images[:, 0] > 128).long())
    assert split.digest() != DenseSplit(split.images, split.labels, 1 - split.targets).digest()
    with pytest.raises(ScansearchError, match=r"int64 of shape \(n, H, W\) like the images, here \(60, 4, 6\)"):
        DenseSplit(split.images, split.labels, split.labels)


def test_annotated_options_have_a_range_and_a_meaning():
    def build(shape, width: Annotated[int, Field(ge=1, le=64, description="Channels.")] = 4, free=None):
        return Net(1, width, shape.classes)

    spec = BackboneSpec("annotated", "", build, Recurrence, width=8)
    assert spec.options.listed() == [Option("width", 8, "integer 1 to 64", "Channels."), Option("free", None, "", "")]
    assert spec.configure(free=[1, 2]).options.free == [1, 2]
    with pytest.raises(ScansearchError, match="model option width takes an integer from 1 to 64, but got 65"):
        spec.configure(width=65)


def test_an_annotation_that_nobody_knows_is_one_line():
    def build(shape, width: "Nowhere" = 4):  # noqa: F821
        return Net(1, width, shape.classes)

    with pytest.raises(ScansearchError, match="the options of model lost .* 'Nowhere' is not defined"):
        BackboneSpec("lost", "", build, Recurrence)


def test_layers_are_found_on_images_of_all_their_channels():
    def build(shape, width=4):
        return nn.Sequential(nn.Conv2d(3, width, 2, 2), nn.Flatten(2), Turned(), Recurrence(width))

    spec = BackboneSpec("coloured", "", build, Recurrence)
    assert spec.layers(ImageShape(4, 6, channels=3, classes=2)) == (LayerInfo(0, (2, 3)),)


class Turned(nn.Module):
    """(B, D, L) to (B, L, D)."""

    def forward(self, x):
        return x.transpose(1, 2)
