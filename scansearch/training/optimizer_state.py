"""The state of an optimiser: its learning rates, and what it remembers, as a checkpoint gives it back."""

from __future__ import annotations

from collections.abc import Mapping

from scansearch.lazy import torch
from scansearch.runs.restore import check_keys, check_numbers, check_tensor, described, whole

LARGEST_RATE = 1e6


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Sets the learning rate of every parameter group: its ``lr_scale`` of ``lr``, if it has one."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("lr_scale", 1.0)


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
    keys, ran = _remembered(inner), getattr(inner, "ran", None)  # of those that move row by row
    if type(memory) is not dict:
        raise ValueError(f"the optimiser's memory is {described(memory)} and not a dict")
    for number, entry in memory.items():
        where = f"the optimiser's memory of parameter {number!r}"
        parameter = parameters[whole(number, 0, len(parameters) - 1, "the number of a parameter")]
        if keys is not None:
            check_keys(entry, sorted(keys), where)
            by_row = ran is not None and ran.is_stacked(parameter)
            _check_entry(entry, parameter, where, by_row=by_row)


def _remembered(optimizer: object) -> set[str] | None:
    """What an optimiser remembers of a parameter that has moved; ``None`` if it is not known."""
    if isinstance(optimizer, (torch.optim.AdamW, torch.optim.Adam)):
        return {"step", "exp_avg", "exp_avg_sq"}
    return {"momentum_buffer"} if isinstance(optimizer, torch.optim.SGD) else None


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
