"""Loss and accuracy of a network on images that nothing is learned from."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from scansearch.data import Split
from scansearch.training.feed import Feed
from scansearch.training.loss import correct, cross_entropy


class Measured(NamedTuple):
    """What a network is worth: mean cross-entropy, without label smoothing, and accuracy in [0, 1], of pixels in dense tasks."""

    loss: float
    accuracy: float


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
    found, images = [], 0
    with feed.fabric.autocast():
        for batch in feed.over(split, limit):
            logits = network(batch.images, *arguments).float()
            loss, count = cross_entropy(logits, batch.targets), len(batch.images)
            found.append(torch.stack([loss * count, correct(logits, batch.targets).to(loss)]))
            images += count
    network.train(was_training)
    sums = [0.0, 0.0]
    for losses, right in (
        torch.stack(found).tolist() if found else []
    ):  # one transfer from the device, and sums in float64
        sums = [sums[0] + losses, sums[1] + right]
    total, hits, count_of_all = feed.processes.sum([*sums, float(images)])
    return Measured(total / count_of_all, hits / count_of_all)
