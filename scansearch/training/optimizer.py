"""Optimiser and learning-rate schedule of a network's weights."""

from __future__ import annotations

import math

import torch
from torch import nn

from scansearch.runs.settings import TrainSettings
from scansearch.training.branch_optimizers import BranchAdamW, BranchSGD, RanBranches
from scansearch.training.parameter_groups import parameter_groups

WARMUP_START = 1e-4


def weight_optimizer(
    network: nn.Module, settings: TrainSettings, ran: RanBranches | None = None
) -> torch.optim.Optimizer:
    """AdamW or SGD over the weights alone, in the groups of ``parameter_groups``; errors as there.

    Args:
        network: The network.
        settings: How it is trained.
        ran: Which branches ran; of weights that are stacked by branch, no others move.
    """
    groups = parameter_groups(network, settings)
    if ran is not None and ran.any_stacked:
        if settings.optimizer == "sgd":
            return BranchSGD(groups, ran, lr=settings.lr, momentum=settings.momentum)
        return BranchAdamW(groups, ran, lr=settings.lr)
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
