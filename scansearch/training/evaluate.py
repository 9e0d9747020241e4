"""What a network is worth on images that nothing is learned from."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from scansearch.data import Split
from scansearch.training.feed import Feed
from scansearch.training.loss import correct, cross_entropy
from scansearch.training.overlap import mean_iou, pixel_counts


class Measured(NamedTuple):
    """What a network is worth.

    Args:
        loss: Mean cross-entropy, without label smoothing.
        accuracy: Share of images that are right; in dense tasks of pixels, each image counting alike.
        mean_iou: In dense tasks, the mean of the classes' intersection over union, over the pixels of all images.
    """

    loss: float
    accuracy: float
    mean_iou: float | None = None

    @property
    def worth(self) -> float:
        """What it is ranked by: as ``ImageShape.measure``."""
        return self.accuracy if self.mean_iou is None else self.mean_iou


@torch.no_grad()
def evaluate(network: nn.Module, split: Split, feed: Feed, *arguments: Any, limit: int | None = None) -> Measured:
    """Measures a network, in evaluation mode, on a split or on evenly spaced images of it; the mode is as before on return.

    Args:
        network: The bare network, not the wrapper for several processes: each measures its share, of whatever size.
        split: The images.
        feed: How they come onto the device.
        *arguments: What the network takes beside the images, as the selections of a supernet.
        limit: At most so many images; ``None`` takes all.
    """
    was_training = network.training
    network.eval()
    shape, found, images = feed.data.shape, list[torch.Tensor](), 0
    classes = shape.classes if shape.dense else 0
    counts = torch.zeros(classes, classes, dtype=torch.int64, device=feed.fabric.device)
    with feed.fabric.autocast():
        for batch in feed.over(split, limit):
            logits = network(batch.images, *arguments).float()
            loss, count = cross_entropy(logits, batch.targets), len(batch.images)
            found.append(torch.stack([loss * count, correct(logits, batch.targets).to(loss)]))
            images += count
            if shape.dense:
                counts += pixel_counts(logits.argmax(1), batch.targets, classes)
    network.train(was_training)
    sums = [0.0, 0.0]
    for losses, right in (
        torch.stack(found).tolist() if found else []
    ):  # one transfer from the device, and sums in float64
        sums = [sums[0] + losses, sums[1] + right]
    total, hits, count_of_all, *pixels = feed.processes.sum([*sums, float(images), *counts.flatten().tolist()])
    overlap = mean_iou(torch.tensor(pixels).view(classes, classes)) if shape.dense else None
    return Measured(total / count_of_all, hits / count_of_all, overlap)
