"""The loss of a network, of images or of pixels, and how much of what it says is right."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from scansearch.data.dense import IGNORED
from scansearch.errors import ScansearchError


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
    """Mean cross-entropy in float32. Of dense predictions every image counts alike, by the mean of its pixels that are not ignored.

    Args:
        logits: (B, classes), or (B, classes, H, W).
        targets: int64 (B,), or float probabilities (B, classes); of dense predictions int64 (B, H, W).
        label_smoothing: Share of the target that all classes get.

    Raises:
        ScansearchError: If the network gives a class an image and the targets one a pixel, or the other way round.
    """
    _check_kind(logits, targets)
    if logits.ndim == 2:
        return F.cross_entropy(logits.float(), targets, label_smoothing=label_smoothing)
    # Flat: of (B, classes, H, W) a GPU adds up in any order.
    flat = logits.float().movedim(1, -1).reshape(-1, logits.shape[1])
    losses = F.cross_entropy(
        flat, targets.flatten(), label_smoothing=label_smoothing, ignore_index=IGNORED, reduction="none"
    )
    return _mean_of_pixels(losses.view_as(targets), targets).mean()


def correct(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Number of images whose largest logit (B, classes) is the target, or the target's largest share when mixed; a scalar.

    Of dense predictions (B, classes, H, W) and targets (B, H, W), every image counts by its share of right pixels, of those that are
    not ignored.
    """
    labels = targets.argmax(1) if targets.is_floating_point() else targets
    right = logits.argmax(1) == labels
    return (right.double() if right.ndim == 1 else _mean_of_pixels(right.double(), targets)).sum()


def _mean_of_pixels(values: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Of each image (B, H, W) the mean over its pixels that are not ignored, (B,); 0 where all are."""
    counted = (targets != IGNORED).to(values)
    return (values * counted).sum((1, 2)) / counted.sum((1, 2)).clamp(min=1)


def _check_kind(logits: torch.Tensor, targets: torch.Tensor) -> None:
    wanted = 2 if targets.is_floating_point() else targets.ndim + 1
    if logits.ndim != wanted:
        has = "a class for each pixel" if targets.ndim == 3 else "one class each"
        raise ScansearchError(
            f"images with {has} need a network that gives {'(B, classes, H, W)' if wanted == 4 else '(B, classes)'}, but this one gives "
            f"{tuple(logits.shape)}; a model of yours is told by ImageShape.dense which it should give"
        )
