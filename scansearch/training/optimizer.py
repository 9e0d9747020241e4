"""Optimiser and learning-rate schedule of a network's weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from scansearch.models import Supernet
from scansearch.runs.restore import check_keys, check_numbers, check_tensor, described, whole
from scansearch.runs.settings import TrainSettings
from scansearch.training.branch_optimizers import BranchAdamW, BranchSGD, RanBranches

WARMUP_START = 1e-4
LARGEST_RATE = 1e6
MEMORY: dict[type, set[str]] = {
    torch.optim.AdamW: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.Adam: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.SGD: {"momentum_buffer"},
}
"""What an optimiser remembers of a parameter that has moved."""


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


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Sets the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def load_optimizer(optimizer: torch.optim.Optimizer, state: object) -> None:
    """Loads from a checkpoint what an optimiser remembers, and its learning rates; all else stays as it was made.

    Raises:
        ValueError: If the state is not one of this optimiser and its parameters.
    """
    check_keys(state, ["state", "param_groups"], "the optimiser")
    assert isinstance(state, dict)
    memory, groups = state["state"], state["param_groups"]
    fresh = optimizer.state_dict()["param_groups"]
    if not isinstance(groups, list) or len(groups) != len(fresh) or not all(isinstance(g, dict) for g in groups):
        raise ValueError(f"the optimiser has {len(fresh)} groups of parameters, but the checkpoint others")
    for own, group in zip(fresh, groups, strict=True):
        if group.get("params") != own["params"]:
            raise ValueError("the optimiser's groups have other parameters")
        rate = group.get("lr")
        if type(rate) not in (int, float) or not 0 <= rate <= LARGEST_RATE:
            raise ValueError(f"a learning rate is {described(rate)}")
        own["lr"] = rate
    _check_memory(optimizer, memory)
    optimizer.load_state_dict({"state": memory, "param_groups": fresh})


def _check_memory(optimizer: torch.optim.Optimizer, memory: object) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    inner = getattr(optimizer, "optimizer", optimizer)
    keys = next((keys for kind, keys in MEMORY.items() if isinstance(inner, kind)), None)
    if type(memory) is not dict:
        raise ValueError(f"the optimiser's memory is {described(memory)} and not a dict")
    for number, entry in memory.items():
        where = f"the optimiser's memory of parameter {number!r}"
        parameter = parameters[whole(number, 0, len(parameters) - 1, "the number of a parameter")]
        if keys is not None:
            check_keys(entry, sorted(keys), where)
            by_row = isinstance(inner, BranchAdamW) and inner.ran.is_stacked(parameter)
            _check_entry(entry, parameter, where, by_row=by_row)


def _check_entry(entry: Mapping[str, torch.Tensor], parameter: torch.Tensor, where: str, *, by_row: bool) -> None:
    """``by_row``: there may be a step count for each row, instead of one number."""
    for key, value in entry.items():
        like = parameter
        if key == "step":
            counts = len(parameter) if by_row and getattr(value, "ndim", 0) == 1 else None
            like = torch.empty(() if counts is None else counts, dtype=getattr(value, "dtype", None))
        check_numbers(check_tensor(value, like, f"{key} in {where}"), f"{key} in {where}", finite=key == "step")
        if key in ("step", "exp_avg_sq") and bool((value < 0).any()):
            raise ValueError(f"{key} in {where} is negative")
