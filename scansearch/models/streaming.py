"""Sums over many branches, chunk by chunk: kept, or in memory that does not grow with their number.

A streamed sum keeps nothing but its inputs. The backward pass computes each chunk again, now with gradients, and lets go of it
before the next. The result is exact; the price is one more forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from scansearch.ops import mixture
from scansearch.ops.derivative import first_derivative_only
from scansearch.ops.operator import recorded, transformed

Tensors = Sequence[torch.Tensor]
Run = Callable[[slice, Tensors, Tensors], torch.Tensor]


def plain_sum(run: Run, chunk: int, count: int, stacked: Tensors, shared: Tensors) -> torch.Tensor:
    """``run`` over all branches, chunk by chunk, added up; everything is kept for the backward pass.

    Args:
        run: ``run(part, stacked, shared)`` gives the sum over the branches of one chunk, those of ``part``.
        chunk: Branches in a chunk; the last one may hold fewer.
        count: Branches.
        stacked: Tensors with the branches as their first dimension; ``run`` gets the slices of its chunk.
        shared: Tensors that every chunk gets whole.

    Returns:
        What ``run`` would return for all branches at once, up to rounding.
    """
    if count <= chunk:
        return run(slice(0, count), stacked, shared)
    return mixture(run(part, [t[part] for t in stacked], shared) for part in _chunks(count, chunk))


def streamed_sum(run: Run, chunk: int, stacked: Tensors, shared: Tensors) -> torch.Tensor:
    """``plain_sum`` that computes its chunks again in the backward pass.

    ``run`` must be the same function of its arguments every time (no random numbers), and may use no other tensor that needs a
    gradient. Where torch.compile, torch.export, torch.jit.trace or torch.func record the call, they keep all chunks: what is
    computed again is theirs to choose.
    """
    if recorded() or transformed():
        return plain_sum(run, chunk, len(stacked[0]), stacked, shared)
    result: torch.Tensor = _StreamedSum.apply(run, chunk, len(stacked), *stacked, *shared)
    return result


def checkpointed_sum(run: Run, count: int, stacked: Tensors) -> torch.Tensor:
    """``streamed_sum``, one branch at a time, of a ``run`` that may use any tensors and random numbers.

    torch's checkpointing takes care of both.
    """
    if recorded() or transformed() or not torch.is_grad_enabled():
        return plain_sum(run, 1, count, stacked, ())
    return mixture(
        checkpoint(run, part, [t[part] for t in stacked], (), use_reentrant=False) for part in _chunks(count, 1)
    )


class _StreamedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, run: Run, chunk: int, count: int, *tensors: torch.Tensor) -> torch.Tensor:
        ctx.run, ctx.chunk, ctx.count = run, chunk, count
        ctx.kind = kind = tensors[0].device.type
        ctx.autocast = {"enabled": torch.is_autocast_enabled(kind), "dtype": torch.get_autocast_dtype(kind)}
        ctx.save_for_backward(*tensors)
        return plain_sum(run, chunk, len(tensors[0]), tensors[:count], tensors[count:])

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        tensors, needed = ctx.saved_tensors, ctx.needs_input_grad[3:]
        gradients = [torch.zeros_like(t) if needs else None for t, needs in zip(tensors, needed, strict=True)]
        for part in _chunks(len(tensors[0]), ctx.chunk):
            slices = [part] * ctx.count + [slice(None)] * (len(tensors) - ctx.count)
            leaves = [t[s].detach().requires_grad_(n) for t, s, n in zip(tensors, slices, needed, strict=True)]
            with torch.enable_grad(), torch.autocast(ctx.kind, **ctx.autocast):
                value = ctx.run(part, leaves[: ctx.count], leaves[ctx.count :])
            wanted = [i for i, needs in enumerate(needed) if needs]
            found = torch.autograd.grad(value, [leaves[i] for i in wanted], gradient, allow_unused=True)
            for i, more in zip(wanted, found, strict=True):
                total = gradients[i]
                if more is not None and total is not None:
                    total[slices[i]] += more
        return (None, None, None, *gradients)


def _chunks(count: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
