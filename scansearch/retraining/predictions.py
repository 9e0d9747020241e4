"""What predictions on test images are worth: accuracies, confusions and calibration, from a few numbers an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn import functional as F

from scansearch.runs.evaluation_json import Bin, ClassScore

BINS = 15
"""Intervals of the largest probability, as in Guo et al., arXiv 1706.04599."""
FIVE = 5


class Predictions(NamedTuple):
    """What is kept of each image, on the CPU, (N,) each.

    Args:
        targets: Its class, int64.
        predicted: The class of the largest logit, int64.
        confidence: The largest probability, float64.
        loss: Cross-entropy, float64.
        among_five: Whether its class is among the five largest, bool.
    """

    targets: torch.Tensor
    predicted: torch.Tensor
    confidence: torch.Tensor
    loss: torch.Tensor
    among_five: torch.Tensor

    @classmethod
    def of(cls, logits: torch.Tensor, targets: torch.Tensor) -> Predictions:
        """Those of logits (B, classes) and int64 targets (B,)."""
        logits = logits.double()
        confidence, predicted = logits.softmax(1).max(1)
        five = logits.topk(min(FIVE, logits.shape[1]), dim=1).indices
        found = (
            targets,
            predicted,
            confidence,
            F.cross_entropy(logits, targets, reduction="none"),
            (five == targets[:, None]).any(1),
        )
        return cls(*(tensor.cpu() for tensor in found))

    @classmethod
    def joined(cls, parts: Sequence[Predictions]) -> Predictions:
        """Those of several batches."""
        return cls(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))

    @property
    def right(self) -> torch.Tensor:
        """Whether each image is classified right, bool (N,)."""
        return self.predicted == self.targets

    @property
    def mean_loss(self) -> float:
        """Mean cross-entropy."""
        return float(self.loss.mean())

    @property
    def accuracy(self) -> float:
        """Share of images that are classified right."""
        return float(self.right.double().mean())

    @property
    def top5(self) -> float:
        """Share of images whose class is among the five largest."""
        return float(self.among_five.double().mean())

    def classes(self, names: Sequence[str]) -> tuple[ClassScore, ...]:
        """The accuracy of each class."""
        counts = torch.bincount(self.targets, minlength=len(names)).tolist()
        right = torch.bincount(self.targets[self.right], minlength=len(names)).tolist()
        return tuple(
            ClassScore(name=name, images=n, accuracy=hits / n if n else None)
            for name, n, hits in zip(names, counts, right, strict=True)
        )

    def confusions(self) -> tuple[tuple[int, int, int], ...]:
        """``(class, predicted class, images)``, where there are any."""
        pairs, counts = torch.unique(torch.stack([self.targets, self.predicted]), dim=1, return_counts=True)
        return tuple((i, j, n) for (i, j), n in zip(pairs.T.tolist(), counts.tolist(), strict=True))

    def bins(self) -> tuple[Bin, ...]:
        """Images by their confidence, in equal intervals of which each holds its upper end."""
        place = interval_of(self.confidence)
        found = []
        for number in range(BINS):
            inside = place == number
            some = bool(inside.any())
            confidence = float(self.confidence[inside].mean().clamp(0, 1)) if some else 0.0
            accuracy = float(self.right[inside].double().mean()) if some else 0.0
            found.append(Bin(images=int(inside.sum()), confidence=confidence, accuracy=accuracy))
        return tuple(found)


def interval_of(confidence: torch.Tensor) -> torch.Tensor:
    """The interval that each probability lies in, int64; an interval holds its upper end."""
    return (confidence * BINS).ceil().long().sub(1).clamp(0, BINS - 1)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: the mean distance of accuracy and confidence, each bin weighted by its images."""
    images = sum(found.images for found in bins)
    return sum(found.images * abs(found.accuracy - found.confidence) for found in bins) / images
