"""What a strategy gets for a step."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from scansearch.models import Selection, Supernet
from scansearch.strategy.step import Step
from scansearch.training.batch import Batch
from scansearch.training.feed import Feed
from scansearch.training.weights import Weights


def make_step(number: int, schedule: float, feed: Feed, weights: Weights, supernet: Supernet) -> Step:
    """The step of this number.

    Args:
        number: Weight updates so far.
        schedule: The learning rate, as a share of the peak.
        feed: Gives the batches.
        weights: The supernet's weights.
        supernet: The supernet without the wrappers for precision and processes.
    """
    make = feed.held_out if feed.has_held_out else feed.train

    def raw_loss(batch: Batch, selections: Sequence[Selection]) -> torch.Tensor:
        with feed.fabric.autocast():
            return weights.loss(supernet(batch.images, selections), batch.targets)

    return Step(
        number=number,
        schedule=schedule,
        train=feed.train(number),
        make_held_out=(lambda: feed.held_out(number)) if feed.has_held_out else None,
        loss=lambda batch, selections: weights.loss(weights.forward(batch, selections), batch.targets),
        raw_loss=raw_loss,
        recent=lambda count: [make(n) for n in range(max(0, number - count + 1), number + 1)],
        optimizer=weights.optimizer,
        backward=feed.fabric.backward,
        mean=feed.processes.mean,
    )
