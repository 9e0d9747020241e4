"""Selective scans in JAX, compiled by XLA: one step after another (``lax.scan``), and parallel (``lax.associative_scan``).

Arrays go from PyTorch to JAX and back without a copy (DLPack); what JAX keeps for the backward pass stays there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.autograd.function import once_differentiable


def in_steps(*tensors: torch.Tensor) -> torch.Tensor:
    """Step by step; shapes as in ``benchmarks.peers``. XLA computes all states again in the backward pass, as it may."""
    return _scanned("steps", tensors)


def associative(*tensors: torch.Tensor) -> torch.Tensor:
    """As a parallel prefix; shapes as in ``benchmarks.peers``."""
    return _scanned("associative", tensors)


def _scanned(kind: str, tensors: tuple[torch.Tensor, ...]) -> torch.Tensor:
    if not torch.is_grad_enabled():
        return _to_torch(compiled(kind)[2](*map(_to_jax, tensors)))
    y: torch.Tensor = _Compiled.apply(kind, *tensors)
    return y


class _Compiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kind: str, *tensors: torch.Tensor) -> torch.Tensor:
        forward, ctx.backward_of, _ = compiled(kind)
        y, ctx.pullback = forward(*map(_to_jax, tensors))
        return _to_torch(y)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return None, *map(_to_torch, ctx.backward_of(ctx.pullback, _to_jax(grad)))


@cache
def compiled(kind: str) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """The scan that also returns its pullback, what applies that, and the scan alone; compiled for each shape when first called."""
    import jax
    from jax import numpy as jnp

    def recurrence(decays: Any, drives: Any, maps: Any) -> Any:
        def step(state: Any, now: tuple[Any, Any, Any]) -> tuple[Any, Any]:
            decay, drive, out = now
            state = decay * state + drive
            return state, (state * out[..., None, :]).sum(-1)

        return jax.lax.scan(step, jnp.zeros_like(drives[0]), (decays, drives, maps))[1]

    def combine(one: tuple[Any, Any], next_one: tuple[Any, Any]) -> tuple[Any, Any]:
        return next_one[0] * one[0], next_one[0] * one[1] + next_one[1]

    def scan(u: Any, delta: Any, A: Any, B: Any, C: Any, D: Any, bias: Any) -> Any:
        step = jax.nn.softplus(delta + bias[:, None, None])
        u_first, step_first, b_first, c_first = (jnp.moveaxis(t, 2, 0) for t in (u, step, B, C))  # (L, G, B, .)
        decays = jnp.exp(step_first[..., None] * A[:, None])  # (L, G, B, D, N)
        drives = (step_first * u_first)[..., None] * b_first[..., None, :]
        if kind == "steps":
            y = recurrence(decays, drives, c_first)
        else:
            states = jax.lax.associative_scan(combine, (decays, drives))[1]
            y = (states * c_first[..., None, :]).sum(-1)
        return jnp.moveaxis(y, 0, 2) + D[:, None, None] * u

    with_pullback = jax.jit(lambda *arrays: jax.vjp(scan, *arrays))
    return with_pullback, jax.jit(lambda pullback, grad: pullback(grad)), jax.jit(scan)


def _to_jax(tensor: torch.Tensor) -> Any:
    import jax

    return jax.dlpack.from_dlpack(tensor.detach().contiguous())


def _to_torch(array: Any) -> torch.Tensor:
    return torch.from_dlpack(array)
