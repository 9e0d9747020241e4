"""Sums over many branches in memory that does not grow with their number.

The forward pass adds the branches up one chunk at a time and keeps nothing but the inputs. The backward pass computes each
chunk again, now with gradients, and lets go of it before the next. The result is exact; the price is one more forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from scansearch.ops.derivative import first_derivative_only
from scansearch.ops.operator import recorded, transformed

Run = Callable[[Sequence[torch.Tensor], Sequence[torch.Tensor]], torch.Tensor]


def streamed_sum(run: Run, chunk: int, stacked: Sequence[torch.Tensor], shared: Sequence[torch.Tensor]) -> torch.Tensor:
    """``run`` over all branches, chunk by chunk, added up.

    Args:
        run: ``run(stacked, shared)`` gives the sum over the branches of one chunk. It must be the same function of its
            arguments every time (no random numbers), and may use no other tensor that needs a gradient.
        chunk: Branches in a chunk; the last one may hold fewer.
        stacked: Tensors with the branches as their first dimension; ``run`` gets the slices of its chunk.
        shared: Tensors that every chunk gets whole.

    Where torch.compile, torch.export, torch.jit.trace or torch.func record the call, they keep all chunks: what is computed
    again is theirs to choose.

    Returns:
        What ``run`` would return for all branches at once, up to rounding.
    """
    if recorded() or transformed():
        return _plain_sum(run, chunk, stacked, shared)
    result: torch.Tensor = _StreamedSum.apply(run, chunk, len(stacked), *stacked, *shared)
    return result


class _StreamedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, run: Run, chunk: int, count: int, *tensors: torch.Tensor) -> torch.Tensor:
        ctx.run, ctx.chunk, ctx.count = run, chunk, count
        ctx.kind = kind = tensors[count].device.type
        ctx.autocast = {"enabled": torch.is_autocast_enabled(kind), "dtype": torch.get_autocast_dtype(kind)}
        ctx.save_for_backward(*tensors)
        return _plain_sum(run, chunk, tensors[:count], tensors[count:])

    @staticmethod
    @first_derivative_only
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        tensors, needed = ctx.saved_tensors, ctx.needs_input_grad[3:]
        gradients = [torch.zeros_like(t) if needs else None for t, needs in zip(tensors, needed, strict=True)]
        for part in _chunks(len(tensors[0]), ctx.chunk):
            slices = [part] * ctx.count + [slice(None)] * (len(tensors) - ctx.count)
            leaves = [t[s].detach().requires_grad_(n) for t, s, n in zip(tensors, slices, needed, strict=True)]
            with torch.enable_grad(), torch.autocast(ctx.kind, **ctx.autocast):
                value = ctx.run(leaves[: ctx.count], leaves[ctx.count :])
            wanted = [i for i, needs in enumerate(needed) if needs]
            found = torch.autograd.grad(value, [leaves[i] for i in wanted], gradient, allow_unused=True)
            for i, more in zip(wanted, found, strict=True):
                total = gradients[i]
                if more is not None and total is not None:
                    total[slices[i]] += more
        return (None, None, None, *gradients)


def _plain_sum(run: Run, chunk: int, stacked: Sequence[torch.Tensor], shared: Sequence[torch.Tensor]) -> torch.Tensor:
    total: torch.Tensor | None = None
    for part in _chunks(len(stacked[0]), chunk):
        value = run([tensor[part] for tensor in stacked], shared)
        total = value if total is None else total + value
    assert total is not None
    return total


def _chunks(count: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
