"""Training the derived network of a genotype from scratch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn

from scansearch.data import ImageData
from scansearch.models import ModelSpec, Selection, Supernet
from scansearch.runs.config import RunConfig
from scansearch.runs.limits import MOST_STEPS, check_amount
from scansearch.space import BoundSpace, Choice
from scansearch.strategy.hooks import Report
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


MOST_SEEDS = 1 << 32


class _EnoughError(Exception):
    """A report said that a training may end."""


@dataclass
class _Recorder:
    """Ends a training when a stop is asked for, or when its accuracy is reported and that is enough."""

    stop: StopRequest
    processes: Processes
    folder: Path
    steps_per_epoch: int
    measure: Callable[[], float]
    report: Report | None
    accuracy: float | None = None

    def stepped(self, progress: Progress) -> None:
        if self.stop.asked(self.processes, progress.step):
            self.stop.raise_if_asked(f"after step {progress.step} of {progress.steps}", self.folder)
        if self.report is not None and progress.step % self.steps_per_epoch == 0:
            self.accuracy = self.measure()
            if self.report(progress.epoch, self.accuracy):
                raise _EnoughError


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
    network = _untrained(spec, directions, config, feed)
    fit(Weights(network, config.train, feed.steps_per_epoch, feed.fabric), feed, recorder)
    return network


def _untrained(
    spec: ModelSpec, directions: Sequence[Sequence[str]], config: RunConfig, feed: Feed
) -> EveryBranch:  # fmt: skip
    steps = config.train.epochs * feed.steps_per_epoch
    check_amount(steps, MOST_STEPS, "updates of the weights", "take fewer epochs, or larger batches")
    torch.manual_seed(config.seed)
    return EveryBranch(spec.supernet(directions, feed.data.shape))


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

    def __call__(self, choice: Choice, epochs: int, seed: int, stop: StopRequest, report: Report | None) -> float:
        """Validation accuracy, in dense tasks mean IoU, in [0, 1] after so many epochs, or fewer.

        The random numbers of the search do not notice.

        Args:
            choice: The genotype.
            epochs: How long it is trained at most.
            seed: Added to the seed of the search.
            stop: Asked after every step.
            report: Told the accuracy after every epoch, and asked whether to end there; ``None`` measures it in the end alone.
        """
        config = shortened(self.config, epochs).model_copy(update={"seed": (self.config.seed + seed) % MOST_SEEDS})
        workers = config.machine.workers
        feed = Feed(self.data, config.augment, config.train.batch_size, config.seed, self.fabric, workers=workers)
        with torch.random.fork_rng():
            network = _untrained(self.spec, self.space.directions(choice), config, feed)
            measure = partial(self._accuracy, network, feed)
            recorder = _Recorder(stop, feed.processes, self.folder, feed.steps_per_epoch, measure, report)
            with suppress(_EnoughError):
                fit(Weights(network, config.train, feed.steps_per_epoch, feed.fabric), feed, recorder)
            return measure() if recorder.accuracy is None else recorder.accuracy

    def _accuracy(self, network: nn.Module, feed: Feed) -> float:
        return evaluate(network, self.data.validation, feed).worth


def shortened(config: RunConfig, epochs: int) -> RunConfig:
    """The settings for so many epochs, of which at most a quarter warms up."""
    warmup = min(config.train.warmup_epochs, epochs / 4)
    return config.model_copy(
        update={"train": config.train.model_copy(update={"epochs": epochs, "warmup_epochs": warmup})}
    )
