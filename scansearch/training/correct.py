"""The count of right answers."""

from __future__ import annotations

import torch


def correct(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Number of images whose largest logit (B, classes) is the target, or the target's largest share when mixed.

    Of dense predictions (B, classes, H, W) and targets (B, H, W), every image counts by its share of right pixels.
    """
    labels = targets.argmax(1) if targets.is_floating_point() else targets
    return float((logits.argmax(1) == labels).view(len(labels), -1).double().mean(1).sum())
