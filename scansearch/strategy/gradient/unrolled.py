"""The second-order gradient of DARTS (Liu et al., arXiv 1806.09055, eqs. 7 and 8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scansearch.errors import UnsupportedError
from scansearch.lazy import torch
from scansearch.models import Selection
from scansearch.strategy.gradient.random_state import RandomState
from scansearch.strategy.step import Batch, Step

RADIUS = 1e-2


def unrolled_gradient(
    step: Step,
    select: Callable[[], Sequence[Selection]],
    alphas: Sequence[torch.Tensor],
    weights: Sequence[torch.Tensor],
) -> list[torch.Tensor]:
    """Gradient of the held-out loss in alpha, through one virtual SGD step of the weights.

    With w' = w - xi * (momentum * buffer + grad_w L_train + decay * w) and v = grad_w' L_held_out(w', alpha), it is
    grad_alpha L_held_out(w', alpha) - xi * (grad_alpha L_train(w+, alpha) - grad_alpha L_train(w-, alpha)) / (2 eps) where
    w+- = w +- eps * v and eps = 0.01 / norm(v). eps stays on the device, and alpha is asked for once: nothing is waited for but what
    a draw needs.

    Args:
        step: The step, with a held-out batch.
        select: Gives the selections for the current alpha.
        alphas: Architecture parameters.
        weights: Weights of the supernet; unchanged on return.

    Returns:
        One gradient for each of ``alphas``, of this process's images; its mean over the processes is that of all images.

    Raises:
        UnsupportedError: If the weights' optimiser is not SGD.
    """
    assert step.held_out is not None
    before, selections = [w.detach().clone() for w in weights], select()
    random_state = RandomState()

    def loss(batch: Batch) -> torch.Tensor:
        random_state.restore()  # a difference between two draws would not be a slope
        return step.raw_loss(batch, selections)

    rate = float(step.optimizer.param_groups[0]["lr"])
    gradients = _averaged(step, torch.autograd.grad(loss(step.train), weights, allow_unused=True), weights)
    moves = _sgd_moves(step.optimizer, weights, gradients)
    with torch.no_grad():
        for w, move in zip(weights, moves, strict=True):
            w.sub_(move)
    both = torch.autograd.grad(loss(step.held_out), [*alphas, *weights], allow_unused=True, retain_graph=True)
    direct, v = both[: len(alphas)], _averaged(step, both[len(alphas) :], weights)
    eps = RADIUS / torch.cat([g.flatten() for g in v]).norm().clamp_min(1e-12)
    sides = []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            for w, w0, g in zip(weights, before, v, strict=True):
                w.copy_(w0 + sign * eps * g)
        sides.append(torch.autograd.grad(loss(step.train), alphas, retain_graph=True))
    with torch.no_grad():
        for w, w0 in zip(weights, before, strict=True):
            w.copy_(w0)
    return [d - rate * (p - m) / (2 * eps) for d, p, m in zip(direct, *sides, strict=True)]


def _averaged(
    step: Step, gradients: Sequence[torch.Tensor | None], weights: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """The gradients over all processes; 0 for weights that the loss does not need, as those of branches that did not run."""
    return step.mean([torch.zeros_like(w) if g is None else g for g, w in zip(gradients, weights, strict=True)])


def plain_sgd(optimizer: torch.optim.Optimizer) -> torch.optim.SGD:
    """The SGD of the weights, out of what wraps it.

    Raises:
        UnsupportedError: If they are on another optimiser.
    """
    inner = getattr(optimizer, "optimizer", optimizer)
    if not isinstance(inner, torch.optim.SGD):
        raise UnsupportedError(
            "level unrolled needs the weights on SGD, but they are on AdamW; pass --set optimizer=sgd"
        )
    return inner


def _sgd_moves(
    optimizer: torch.optim.Optimizer, weights: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    inner = plain_sgd(optimizer)
    group_of = {id(p): group for group in inner.param_groups for p in group["params"]}
    moves = []
    for w, gradient in zip(weights, gradients, strict=True):
        group = group_of[id(w)]
        move = gradient + group["weight_decay"] * w.detach()
        buffer = inner.state.get(w, {}).get("momentum_buffer")
        moves.append(group["lr"] * (move if buffer is None else move + group["momentum"] * buffer))
    return moves
