"""Backward passes written by hand have no derivative of their own: here is the one place that says so."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import torch

T = TypeVar("T")


def refuse(*_: object) -> NoReturn:
    """The derivative of a backward pass.

    Raises:
        RuntimeError: Always.
    """
    raise RuntimeError(
        "scansearch's kernels have no second derivative, but create_graph=True asks for one; use differences of gradients"
    )


def refuse_second_derivative(*_: object) -> None:
    """Called in a backward pass, as by a tensor's hook: nothing happens, unless a graph of this pass is asked for.

    Raises:
        RuntimeError: If the backward pass is recorded for a second derivative (``create_graph=True``).
    """
    if torch.is_grad_enabled():
        refuse()


def first_derivative_only(backward: Callable[..., T]) -> Callable[..., T]:
    """Makes the ``backward`` of an autograd function refuse second derivatives.

    torch's ``once_differentiable`` is not enough: it raises only where the incoming gradient needs a gradient itself. That of
    a plain sum does not, so a penalty on a gradient would vanish without a word.
    """

    @functools.wraps(backward)
    def checked(ctx: Any, *gradients: Any) -> T:
        refuse_second_derivative()
        return backward(ctx, *gradients)

    return checked
