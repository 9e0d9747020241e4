"""AdamW and SGD that leave alone what did not run: of weights stacked by branch, only the rows of branches that ran move.

A sampled supernet trains what it has drawn; an absent branch gets no gradient (SPOS, arXiv 1904.00420) or is taken out of the
network (ProxylessNAS, arXiv 1812.00332). In a stacked tensor its gradient is 0, by which an optimiser of whole tensors goes on
moving it: by momentum and decay. Here every row has the state that an optimiser of its own would have. A step in which all
branches ran, as in every step before, is torch's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from scansearch.models import Selection

Tensors = list[torch.Tensor]


class RanBranches:
    """Which branches ran since the gradients were cleared.

    Args:
        stacked: The stacked weights of each layer, as ``Supernet.stacked_parameters`` gives them.
    """

    def __init__(self, stacked: Sequence[Sequence[nn.Parameter]]) -> None:
        self._layers: dict[torch.Tensor, int] = {w: layer for layer, weights in enumerate(stacked) for w in weights}
        self._every = [range(len(weights[0])) if weights else range(0) for weights in stacked]
        self._ran: list[set[int]] = [set() for _ in stacked]

    def note(self, selections: Sequence[Selection] | None) -> None:
        """Adds the branches of a forward pass, from one selection a layer; without any, all branches."""
        chosen = self._every if selections is None else [selection.indices for selection in selections]
        for ran, indices in zip(self._ran, chosen, strict=True):
            ran.update(indices)

    def clear(self) -> None:
        """Forgets them all; to be called where the gradients are cleared."""
        for ran in self._ran:
            ran.clear()

    @property
    def any_stacked(self) -> bool:
        """Whether there is any stacked weight."""
        return bool(self._layers)

    def is_stacked(self, weight: torch.Tensor) -> bool:
        """Whether a weight has a row for each branch."""
        return weight in self._layers

    def all_of(self, weight: torch.Tensor) -> bool:
        """Whether all branches of a stacked weight ran."""
        return len(self._ran[self._layers[weight]]) == len(weight)

    def rows(self, weights: Tensors, device: torch.device | str) -> Tensors:
        """The rows of stacked weights whose branches ran, ascending: an int64 tensor each, those of a layer the same one."""
        layers = [self._layers[weight] for weight in weights]
        made = {n: torch.tensor(sorted(self._ran[n]), dtype=torch.int64, device=device) for n in dict.fromkeys(layers)}
        return [made[layer] for layer in layers]


class _ByBranch(torch.optim.Optimizer):
    """Steps of which torch does what is whole, and ``_move`` the rows."""

    ran: RanBranches

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Moves by their gradients all weights that have one; of stacked weights, the rows that ran."""
        cut = [[weight for weight in group["params"] if self._is_cut(weight)] for group in self.param_groups]
        gradients = {weight: weight.grad for weights in cut for weight in weights}
        for weight in gradients:
            weight.grad = None  # torch leaves alone what has none
        super().step(closure)
        for weight, gradient in gradients.items():
            weight.grad = gradient
        for group, weights in zip(self.param_groups, cut, strict=True):
            if weights:
                self._move(group, weights, self.ran.rows(weights, weights[0].device))

    def _is_cut(self, weight: torch.Tensor) -> bool:
        stacked = weight.grad is not None and self.ran.is_stacked(weight)
        return stacked and not (self.ran.all_of(weight) and self._in_step(weight))

    def _in_step(self, weight: torch.Tensor) -> bool:
        """Whether the rows of a weight have the same step count, if they have any."""
        return True

    def _move(self, group: dict[str, Any], weights: Tensors, rows: Tensors) -> None:
        """Moves some rows of each of some weights of a group."""
        raise NotImplementedError

    def _memory(self, weights: Tensors, name: str) -> Tensors:
        """What is remembered of weights under a name; zeros at first."""
        for weight in weights:
            if name not in self.state[weight]:
                self.state[weight][name] = torch.zeros_like(weight)
        return [self.state[weight][name] for weight in weights]


class BranchAdamW(_ByBranch, torch.optim.AdamW):
    """AdamW; ``state[weight]["step"]`` is a number as long as the rows of a weight are in step, then one a row, of shape (G,).

    Args:
        groups: Groups of parameters.
        ran: Which branches ran.
        lr: Learning rate.
    """

    def __init__(self, groups: list[dict[str, Any]], ran: RanBranches, *, lr: float) -> None:
        super().__init__(groups, lr=lr, foreach=True)
        self.ran = ran

    def _in_step(self, weight: torch.Tensor) -> bool:
        state = self.state.get(weight)
        return not state or state["step"].ndim == 0

    def _move(self, group: dict[str, Any], weights: Tensors, rows: Tensors) -> None:
        beta1, beta2 = group["betas"]
        counts = torch.cat(list(map(self._count, weights, self.ran.rows(weights, "cpu")))).double()
        rates = _by_row(-group["lr"] / (1 - beta1**counts), weights, rows)
        roots = _by_row((1 - beta2**counts).sqrt(), weights, rows)
        stores = [weights, self._memory(weights, "exp_avg"), self._memory(weights, "exp_avg_sq")]
        (values, means, squares), gradients = (
            [_taken(store, rows) for store in stores],
            _taken(_gradients(weights), rows),
        )
        torch._foreach_mul_(values, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
        below = torch._foreach_sqrt(squares)
        torch._foreach_div_(below, roots)
        torch._foreach_add_(below, group["eps"])
        torch._foreach_addcdiv_(values, torch._foreach_mul(means, rates), below)
        for store, moved in zip(stores, (values, means, squares), strict=True):
            _put(store, rows, moved)

    def _count(self, weight: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """One step more for some rows; their new counts."""
        state = self.state[weight]
        steps = state.get("step", torch.zeros(()))
        if steps.ndim == 0:
            steps = steps.repeat(len(weight))
        state["step"] = steps.index_add_(0, rows, steps.new_ones(len(rows)))
        return steps.index_select(0, rows)


class BranchSGD(_ByBranch, torch.optim.SGD):
    """SGD with momentum.

    Args:
        groups: Groups of parameters.
        ran: Which branches ran.
        lr: Learning rate.
        momentum: Momentum.
    """

    def __init__(self, groups: list[dict[str, Any]], ran: RanBranches, *, lr: float, momentum: float) -> None:
        super().__init__(groups, lr=lr, momentum=momentum, foreach=True)
        self.ran = ran

    def _move(self, group: dict[str, Any], weights: Tensors, rows: Tensors) -> None:
        values, moves = _taken(weights, rows), _taken(_gradients(weights), rows)
        torch._foreach_add_(moves, values, alpha=group["weight_decay"])
        if group["momentum"]:
            store = self._memory(weights, "momentum_buffer")
            buffers = _taken(store, rows)
            torch._foreach_mul_(buffers, group["momentum"])
            torch._foreach_add_(buffers, moves)
            _put(store, rows, buffers)
            moves = buffers
        torch._foreach_add_(values, moves, alpha=-group["lr"])
        _put(weights, rows, values)


def _gradients(weights: Tensors) -> Tensors:
    return [weight.grad for weight in weights if weight.grad is not None]


def _taken(tensors: Tensors, rows: Tensors) -> Tensors:
    """Copies of some rows of each."""
    return [tensor.index_select(0, own) for tensor, own in zip(tensors, rows, strict=True)]


def _put(tensors: Tensors, rows: Tensors, values: Tensors) -> None:
    """Puts such copies back."""
    for tensor, own, value in zip(tensors, rows, values, strict=True):
        tensor.index_copy_(0, own, value)


def _by_row(numbers: torch.Tensor, weights: Tensors, rows: Tensors) -> Tensors:
    """A number for each row of each weight, to multiply its rows (k, ...) with: k of them, of shape (k, 1, ...)."""
    parts = numbers.to(weights[0]).split([len(own) for own in rows])
    return [part.view(-1, *[1] * (weight.ndim - 1)) for part, weight in zip(parts, weights, strict=True)]
