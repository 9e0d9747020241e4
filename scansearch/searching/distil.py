"""What a step trains beside its own selection."""

from __future__ import annotations

import torch

from scansearch.strategy import Distillation
from scansearch.training.batch import Batch
from scansearch.training.weights import Weights


def distil(weights: Weights, batch: Batch, logits: torch.Tensor, wanted: Distillation | None) -> None:
    """Adds the gradients of a distillation to those of the step.

    Args:
        weights: The supernet's.
        batch: What the step learns from.
        logits: What the step's own selection says of it, (B, classes).
        wanted: Who teaches, and who learns; ``None``: nobody.
    """
    if wanted is None:
        return
    if wanted.teacher is not None:
        logits, _ = weights.add(batch, wanted.teacher)
    for student in wanted.students:
        weights.distil(batch, logits, student)
