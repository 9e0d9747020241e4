"""Training the derived network of a genotype alone: a search in which nothing is left to choose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from scansearch.data import ImageData
from scansearch.models import ModelSpec, Selection
from scansearch.runs.config import RunConfig
from scansearch.runs.table import Row, Table
from scansearch.space import BoundSpace, Choice, LayerSpace
from scansearch.strategy.base import Strategy, StrategySettings
from scansearch.training.events import Silent
from scansearch.training.interrupt import StopRequest


class _Fixed(Strategy):
    """Every direction there is, added up: the derived network itself."""

    def select(self, step: int) -> list[Selection]:
        return [Selection(tuple(range(len(layer.candidates)))) for layer in self.space]

    def scores(self) -> list[torch.Tensor]:
        return [torch.full((len(layer.candidates),), 1 / len(layer.candidates)).double() for layer in self.space]


class _NoFolder:
    """In place of a run folder: keeps nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, table: Table[Row], rows: Sequence[Row]) -> None:
        """Nothing."""

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Nothing."""


class StandAlone:
    """Trains derived networks with the data, the seed and the training settings of a search.

    Args:
        spec: The model.
        space: The search's space on the model's layers.
        data: The images.
        config: The search's settings.
        fabric: Device and precision.
        folder: The search's run folder, for messages.
    """

    def __init__(
        self, spec: ModelSpec, space: BoundSpace, data: ImageData, config: RunConfig, fabric: Fabric, folder: Path
    ) -> None:
        self.spec, self.space, self.data = spec, space, data
        self.config, self.fabric, self.folder = config, fabric, folder

    def __call__(self, choice: Choice, epochs: int, stop: StopRequest) -> float:
        """Validation accuracy in [0, 1] after ``epochs`` epochs; the random numbers of the search do not notice."""
        from scansearch.searching.loop import SearchLoop

        train = self.config.train.model_copy(
            update={"epochs": epochs, "warmup_epochs": min(self.config.train.warmup_epochs, epochs / 4)}
        )
        config = self.config.model_copy(update={"train": train})
        directions = self.space.directions(choice)
        layers = [
            LayerSpace(layer.grid, tuple(names), len(names), len(names))
            for layer, names in zip(self.space, directions, strict=True)
        ]
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            loop = SearchLoop(
                self.fabric, self.spec.supernet(directions, self.data.shape), _Fixed(StrategySettings()),
                BoundSpace(self.space.name, tuple(layers)), self.data, config, _NoFolder(self.folder), Silent(),
            )  # fmt: skip
            loop.train(stop)
            return loop.evaluate(loop.strategy.select(0))[1]
