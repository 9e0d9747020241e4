"""The loop of a training: steps, epochs, a table, checkpoints, stop and resume."""

from __future__ import annotations

import time
from typing import Any

from lightning_fabric import Fabric
from torch import nn

from scansearch.data import ImageData
from scansearch.runs.config import RunConfig
from scansearch.runs.folder import Folder
from scansearch.runs.limits import MOST_STEPS, check_amount
from scansearch.runs.restore import (
    check_generators,
    check_keys,
    check_weights,
    generators,
    numbers,
    restore_generators,
    restoring,
    whole,
)
from scansearch.runs.tables import EPOCHS, TIMING, EpochRow, TimingRow
from scansearch.training.ema import MovingAverage
from scansearch.training.evaluate import evaluate
from scansearch.training.events import Listener, Progress
from scansearch.training.feed import Feed
from scansearch.training.fit import progress_of, take_step
from scansearch.training.interrupt import StopRequest
from scansearch.training.meter import Meter
from scansearch.training.optimizer_state import load_optimizer
from scansearch.training.weights import Weights

STATE = ("step", "sums", "network", "average", "optimizer", "random")


class TrainLoop:
    """Trains a network from wherever it stands to its last epoch.

    Args:
        network: The network, with the weights that it begins with.
        data: The images; the test split is never touched.
        config: The run's settings.
        fabric: Device, precision and processes.
        folder: Where everything is written; locked by the caller.
        listener: Told about progress.
    """

    def __init__(
        self, network: nn.Module, data: ImageData, config: RunConfig, fabric: Fabric, folder: Folder, listener: Listener
    ) -> None:
        self.network, self.data, self.folder, self.listener = network, data, folder, listener
        self.settings, self.checkpoint_steps = config.train, config.machine.checkpoint_steps
        workers = config.machine.workers
        self.feed = Feed(data, config.augment, self.settings.batch_size, config.seed, fabric, workers=workers)
        self.processes = self.feed.processes
        steps = self.settings.epochs * self.feed.steps_per_epoch
        check_amount(steps, MOST_STEPS, "updates of the weights", "take fewer epochs, or larger batches")
        self.weights = Weights(network, self.settings, self.feed.steps_per_epoch, fabric)
        self.average = MovingAverage(network, self.settings.ema) if self.settings.ema else None
        self.meter = Meter(self.processes, self.settings.lr, folder.path / "checkpoints", "train")
        self.step = 0

    @property
    def kept(self) -> nn.Module:
        """The network that is validated, and kept in the end: with averaged weights, if they are averaged."""
        return self.network if self.average is None else self.average.network

    def run(self) -> None:
        """Trains to the last epoch.

        Raises:
            InterruptedRunError: After Ctrl-C or SIGTERM, once the state is saved.
            DivergenceError: If the loss is not finite.
        """
        with StopRequest() as stop:
            while self.step < self.weights.steps:
                self._epoch(stop)

    def _epoch(self, stop: StopRequest) -> None:
        began, start = time.perf_counter(), self.step
        end = start - start % self.weights.steps_per_epoch + self.weights.steps_per_epoch
        self.weights.module.train()
        while self.step < end:
            take_step(self.weights, self.feed, self.meter, self.step)
            if self.average is not None:
                self.average.update(self.network, self.step)
            self.step += 1
            self.listener.stepped(self.progress())
            due = self.step % self.checkpoint_steps == 0
            if self.step < end and (stop.asked(self.processes, self.step) or due):
                self._save_and_stop(stop)
        seconds = time.perf_counter() - began
        self._log_epoch(seconds, (end - start) * self.feed.batches.size / seconds)
        self._save_and_stop(stop)

    def _save_and_stop(self, stop: StopRequest) -> None:
        self.save()
        stop.asked(self.processes)
        if self.step < self.weights.steps:
            stop.raise_if_asked(f"after step {self.step} of {self.weights.steps}", self.folder.path)

    def _log_epoch(self, seconds: float, images_per_second: float) -> None:
        found = evaluate(self.kept, self.data.validation, self.feed)
        loss, accuracy = self.meter.total()
        epoch, lr = self.step // self.weights.steps_per_epoch, self.weights.rate
        row = EpochRow(
            epoch=epoch,
            step=self.step,
            train_loss=loss,
            train_accuracy=accuracy,
            val_loss=found.loss,
            val_accuracy=found.accuracy,
            worth=found.worth,
            measure=self.data.shape.measure,
            lr=lr,
        )
        if self.processes.is_first:
            self.folder.append(EPOCHS, [row])
            self.folder.append(TIMING, [TimingRow(epoch, seconds, images_per_second)])
        self.listener.epoch_done(row._asdict())

    def progress(self) -> Progress:
        """Where the training stands."""
        return progress_of(self.weights, self.meter, self.step)

    def save(self) -> None:
        """Writes everything that makes the next step.

        Raises:
            DivergenceError: If a loss or a parameter is not finite: such a state must not replace a good one.
        """
        self.meter.check()
        self.weights.check_finite(self.meter, self.step)
        state = self._state()
        if self.processes.is_first:
            self.folder.save(self.step, state)
        self.processes.wait()  # a process that ends ends the others, which must not be before the first has saved

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "sums": self.meter.sums_of_all(),
            "network": dict(self.network.state_dict()),
            "average": {} if self.average is None else dict(self.average.network.state_dict()),
            "optimizer": self.weights.optimizer.state_dict(),
            "random": generators(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what ``save`` wrote, once all of it has been checked.

        Raises:
            RunFolderError: If the state is not one of this training.
        """
        with restoring(self.folder.path):
            check_keys(state, STATE, "its state")
            step = whole(state["step"], 0, self.weights.steps, "the step")
            self.meter.restore(numbers(state["sums"], "sums"))
            check_weights(state["network"], self.network)
            check_generators(state["random"])
            if self.average is None:
                check_keys(state["average"], (), "the averaged weights")
            else:
                check_weights(state["average"], self.average.network)
                self.average.network.load_state_dict(state["average"])
            self.network.load_state_dict(state["network"])
            load_optimizer(self.weights.optimizer, state["optimizer"])
            restore_generators(state["random"])
            self.step = step
