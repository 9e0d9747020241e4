"""Optimiser and learning-rate schedule of a network's weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from scansearch.models import Supernet
from scansearch.runs.settings import TrainSettings
from scansearch.training.branch_optimizers import BranchAdamW, BranchSGD, RanBranches

WARMUP_START = 1e-4


def trained_parameters(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The weights of a network by name; of a supernet, alpha is none of them."""
    if isinstance(network, Supernet):
        return network.weight_parameters()
    return [(name, p) for name, p in network.named_parameters() if p.requires_grad]


def weight_optimizer(
    network: nn.Module, settings: TrainSettings, ran: RanBranches | None = None
) -> torch.optim.Optimizer:
    """AdamW or SGD over the weights alone. Those that the network names in ``no_weight_decay`` are not decayed; by default 1-D ones.

    Args:
        network: The network.
        settings: How it is trained.
        ran: Which branches ran; of weights that are stacked by branch, no others move.
    """
    weights = trained_parameters(network)
    named: Callable[[], set[str]] | None = getattr(network, "no_weight_decay", None)
    exempt = {name for name, p in weights if p.ndim <= 1} if named is None else named()
    decayed = [p for name, p in weights if name not in exempt]
    others = [p for name, p in weights if name in exempt]
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": settings.weight_decay}]
    groups.append({"params": others, "weight_decay": 0.0})
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
