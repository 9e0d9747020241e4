"""A network of a benchmark, trained alone as `judge=training` trains it, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from time import process_time
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import nn

from scansearch.data import ImageData, Split
from scansearch.machine.numerics import run_numerics
from scansearch.registry import DATASETS
from scansearch.searching.configure import make_config, model_of
from scansearch.searching.from_scratch import shortened, train_from_scratch
from scansearch.space import SearchSpace
from scansearch.training.evaluate import evaluate
from scansearch.training.events import Silent
from scansearch.training.feed import Feed


class Trained(NamedTuple):
    """A trained network.

    Args:
        network: The network.
        images: What it was trained on, in parts.
        feed: How it is given images.
        seconds: What the processor took to train it.
    """

    network: nn.Module
    images: ImageData
    feed: Feed
    seconds: float

    def accuracy(self, split: Split) -> float:
        """Its accuracy in [0, 1] on a part of the images."""
        with run_numerics():
            return evaluate(self.network, split, self.feed).accuracy


def trained(
    directions: Sequence[Sequence[str]], space: SearchSpace, model: str, data: str, seed: int, settings: dict[str, Any]
) -> Trained:
    """Trains the network of these directions from scratch, with settings as a search takes them."""
    config = make_config(
        space=space, strategy="random_search", model=model, data=data, seed=seed, settings=settings
    )  # fmt: skip
    config = shortened(config, config.train.epochs)
    with run_numerics():
        torch.set_num_threads(config.machine.threads)
        images = DATASETS.get(data).load()
        feed = Feed(images, config.augment, config.train.batch_size, seed, Fabric(accelerator="cpu", devices=1))
        began = process_time()
        network = train_from_scratch(model_of(config), directions, config, feed, Silent())
        return Trained(network, images, feed, process_time() - began)
