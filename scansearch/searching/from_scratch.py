"""Training the derived network of a genotype from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn

from scansearch.data import ImageData
from scansearch.models import ModelSpec, Selection, Supernet
from scansearch.runs.config import RunConfig
from scansearch.runs.limits import MOST_STEPS, check_amount
from scansearch.space import BoundSpace, Choice
from scansearch.training.evaluate import evaluate
from scansearch.training.events import Progress
from scansearch.training.feed import Feed
from scansearch.training.fit import Recorder, fit
from scansearch.training.interrupt import StopRequest
from scansearch.training.processes import Processes
from scansearch.training.weights import Weights


class EveryBranch(nn.Module):
    """A supernet of just the kept directions, all of which run and are added up, with the initial weights of a supernet.

    Args:
        supernet: Holds the kept directions and no others.
    """

    def __init__(self, supernet: Supernet) -> None:
        super().__init__()
        self.supernet = supernet
        self.selections = [Selection(tuple(range(len(names)))) for names in supernet.candidates]
        for alpha in supernet.architecture_parameters():
            alpha.requires_grad_(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images (B, C, H, W) to logits (B, classes)."""
        logits: torch.Tensor = self.supernet(images, self.selections)
        return logits

    def no_weight_decay(self) -> set[str]:
        """The supernet's."""
        return {f"supernet.{name}" for name in self.supernet.no_weight_decay()}


@dataclass(frozen=True)
class _Stopping:
    """Ends a training when a stop is asked for."""

    stop: StopRequest
    processes: Processes
    folder: Path

    def stepped(self, progress: Progress) -> None:
        if self.stop.asked(self.processes, progress.step):
            self.stop.raise_if_asked(f"after step {progress.step} of {progress.steps}", self.folder)


def train_from_scratch(
    spec: ModelSpec, directions: Sequence[Sequence[str]], config: RunConfig, feed: Feed, recorder: Recorder
) -> nn.Module:  # fmt: skip
    """Trains a network from scratch, with the seed and the training settings of a run.

    Args:
        spec: The model.
        directions: The directions of every layer.
        config: The run's settings; ``config.train.epochs`` is how long.
        feed: What it learns from.
        recorder: Told about every step.

    Returns:
        The trained network.
    """
    steps = config.train.epochs * feed.steps_per_epoch
    check_amount(steps, MOST_STEPS, "updates of the weights", "take fewer epochs, or larger batches")
    torch.manual_seed(config.seed)
    network = EveryBranch(spec.supernet(directions, feed.data.shape))
    fit(Weights(network, config.train, feed.steps_per_epoch, feed.fabric), feed, recorder)
    return network


class TrainedFromScratch:
    """Judges genotypes by their derived networks, trained with the data, the seed and the training settings of a search.

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
        config = shortened(self.config, epochs)
        feed = Feed(self.data, config.augment, config.train.batch_size, config.seed, self.fabric)
        with torch.random.fork_rng():
            directions, recorder = self.space.directions(choice), _Stopping(stop, feed.processes, self.folder)
            network = train_from_scratch(self.spec, directions, config, feed, recorder)
            return evaluate(network, self.data.validation, feed).accuracy


def shortened(config: RunConfig, epochs: int) -> RunConfig:
    """The settings for so many epochs, of which at most a quarter warms up."""
    warmup = min(config.train.warmup_epochs, epochs / 4)
    return config.model_copy(
        update={"train": config.train.model_copy(update={"epochs": epochs, "warmup_epochs": warmup})}
    )
