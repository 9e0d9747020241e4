"""Trains a network from its first step to its last."""

from __future__ import annotations

from typing import Protocol

from scansearch.training.events import Progress
from scansearch.training.feed import Feed
from scansearch.training.loss import correct
from scansearch.training.meter import LOG_STEPS, Meter
from scansearch.training.weights import Weights


class Recorder(Protocol):
    """Is told how a training goes; every ``Listener`` is one."""

    def stepped(self, progress: Progress) -> None:
        """One step is done; what this raises ends the training."""


def fit(weights: Weights, feed: Feed, recorder: Recorder) -> None:
    """Trains the weights of a network by all their epochs.

    Args:
        weights: The network and how it is trained; it takes images (B, C, H, W) alone.
        feed: What it learns from.
        recorder: Told about every step.

    Raises:
        DivergenceError: If a loss, or in the end a weight, is not finite.
    """
    meter = Meter(feed.processes, weights.settings.lr)
    weights.module.train()
    for step in range(weights.steps):
        take_step(weights, feed, meter, step)
        recorder.stepped(progress_of(weights, meter, step + 1))
        if (step + 1) % weights.steps_per_epoch == 0:
            meter.total()
    weights.check_finite(meter, weights.steps)


def take_step(weights: Weights, feed: Feed, meter: Meter, step: int) -> None:
    """Step ``step`` (from 0) of a training: one update of the weights; the losses are checked where a log interval ends.

    Raises:
        DivergenceError: If a loss since the last check is not finite.
    """
    batch = feed.train(step)
    weights.set_rate(step)
    logits, loss = weights.backward(batch)
    weights.update()
    meter.add(step, loss, correct(logits, batch.targets), len(batch.images))
    if (step + 1) % LOG_STEPS == 0 or (step + 1) % weights.steps_per_epoch == 0:
        meter.check()


def progress_of(weights: Weights, meter: Meter, step: int) -> Progress:
    """Where a training stands after so many steps."""
    epoch = max(step - 1, 0) // weights.steps_per_epoch + 1
    return Progress(epoch, weights.settings.epochs, step, weights.steps, *meter.glance())
