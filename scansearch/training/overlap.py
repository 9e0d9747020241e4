"""How far predicted classes of pixels overlap with the true ones, from counts: there may be too many pixels to keep."""

from __future__ import annotations

from statistics import fmean

import torch

from scansearch.data.dense import IGNORED


def pixel_counts(predicted: torch.Tensor, targets: torch.Tensor, classes: int) -> torch.Tensor:
    """Pixels of class i that are taken for class j, int64 (classes, classes), on their device.

    Args:
        predicted: The class of each pixel, int64 of any shape.
        targets: Its true class, or ``IGNORED``, of the same shape; what is ignored is not counted.
        classes: How many there are.
    """
    places = torch.where(targets == IGNORED, classes**2, targets * classes + predicted)
    return torch.bincount(places.flatten(), minlength=classes**2 + 1)[:-1].view(classes, classes)


def ious(counts: torch.Tensor) -> list[float | None]:
    """Of each class the pixels that are right over those that are of it, taken for it, or both; ``None`` without any.

    Args:
        counts: As ``pixel_counts``.
    """
    right = counts.diagonal()
    union = counts.sum(0) + counts.sum(1) - right
    return [hits / n if n else None for hits, n in zip(right.tolist(), union.tolist(), strict=True)]


def mean_iou(counts: torch.Tensor) -> float:
    """The mean of the IoUs that there are; 0 if no pixel is counted."""
    return fmean([iou for iou in ious(counts) if iou is not None] or [0.0])
