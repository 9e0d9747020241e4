"""Small images and networks to train on them."""

from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from scansearch.data import AugmentSettings, ImageData, TensorSplit
from scansearch.runs.config import TrainSettings
from scansearch.training.feed import Feed
from scansearch.training.weights import Weights

EVERYTHING = AugmentSettings(shift=0.25, flip=0.5, brightness=0.3, contrast=0.3, erase=0.5, mixup=0.8, cutmix=1.0)


def split(count, seed):
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (count, 1, 6, 6), generator=random, dtype=torch.uint8)
    return TensorSplit(images, torch.randint(3, (count,), generator=random))


@pytest.fixture
def data():
    """40 images to train on, 23 to validate, 10 to test: 6 x 6 pixels, 3 classes."""
    return ImageData("made", split(40, 0), split(23, 1), split(10, 2), ("a", "b", "c"), (0.5,), (0.3,))


@pytest.fixture
def feed(data):
    def make(augment=EVERYTHING, batch_size=8, held_out_share=0.0, **changed):
        fabric = Fabric(accelerator="cpu", devices=1)
        return Feed(replace(data, **changed), augment, batch_size, 5, fabric, held_out_share)

    return make


@pytest.fixture
def weights():
    """``weights(feed, lr=0.01)``: a small network, initialised alike every time."""

    def make(feed, network=None, **settings):
        torch.manual_seed(0)
        network = network or nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
        return Weights(
            network, TrainSettings(**{"epochs": 3, "lr": 0.01, **settings}), feed.steps_per_epoch, feed.fabric
        )

    return make
