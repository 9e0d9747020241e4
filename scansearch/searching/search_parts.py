"""What a search is made of, and its loop, which is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from lightning_fabric import Fabric

from scansearch.data import ImageData
from scansearch.models import ModelSpec, Supernet
from scansearch.runs.config import RunConfig
from scansearch.runs.folder import RunFolder
from scansearch.searching.from_scratch import TrainedFromScratch
from scansearch.searching.judge import SearchJudge
from scansearch.searching.loop import SearchLoop
from scansearch.space import BoundSpace, SearchSpace
from scansearch.strategy.strategy import Strategy
from scansearch.training.events import Listener


@dataclass(frozen=True)
class Parts:
    """What a search is made of.

    Args:
        spec: The model, with its options.
        data: The images.
        space: The space as the user named it.
        bound: The space on these layers.
        strategy: The strategy, with its settings.
        fabric: Device, precision and processes.
        environment: Facts about this process that the numbers depend on.
    """

    spec: ModelSpec
    data: ImageData
    space: SearchSpace
    bound: BoundSpace
    strategy: Strategy
    fabric: Fabric
    environment: dict[str, Any]

    def supernet(self) -> Supernet:
        """A new supernet."""
        return self.spec.supernet([layer.candidates for layer in self.bound], self.data.shape)


def make_loop(parts: Parts, config: RunConfig, folder: RunFolder, listener: Listener) -> SearchLoop:
    """The search before its first step, with a new supernet."""
    torch.manual_seed(config.seed)
    spec, data, bound, fabric = parts.spec, parts.data, parts.bound, parts.fabric
    train = TrainedFromScratch(spec, bound, data, config, fabric, folder.path)
    return SearchLoop(
        fabric, parts.supernet, parts.strategy, bound, data, config, folder, listener, partial(SearchJudge, train)
    )
