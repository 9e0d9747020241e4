"""Optimiser and learning-rate schedule of the supernet's weights."""

from __future__ import annotations

import math
from typing import Any

import torch

from scansearch.engine.settings import TrainSettings
from scansearch.models import Supernet

WARMUP_START = 1e-4


def weight_optimizer(supernet: Supernet, settings: TrainSettings) -> torch.optim.Optimizer:
    """AdamW or SGD over the weights alone; alpha is never in it. 1-D parameters are not decayed."""
    exempt = supernet.no_weight_decay()
    decayed = [p for name, p in supernet.weight_parameters() if name not in exempt]
    others = [p for name, p in supernet.weight_parameters() if name in exempt]
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": settings.weight_decay}]
    groups.append({"params": others, "weight_decay": 0.0})
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum)
    return torch.optim.AdamW(groups, lr=settings.lr)


def schedule(step: int, steps: int, warmup: int, floor: float) -> float:
    """Linear warm-up, then cosine, as a factor of the peak learning rate.

    Args:
        step: Steps taken so far.
        steps: Steps of the whole run.
        warmup: Steps of warm-up.
        floor: Factor at the end.
    """
    if step < warmup:
        return WARMUP_START + (1 - WARMUP_START) * step / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Sets the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def restore_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Loads optimiser state on the device of its parameters."""
    optimizer.load_state_dict(state)
