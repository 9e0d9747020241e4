"""Backend ``cpu``: hands tensors to the kernels and gives autograd their gradients."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numba
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from scansearch.ops import cpu_kernels as kernels
from scansearch.ops.cpu_kernels import CHUNK, LOG2E, STATES, TAPS, W

_PROCESS = os.getpid()


def scan(
    u: torch.Tensor,
    delta: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    C: torch.Tensor,
    D: torch.Tensor | None,
    delta_bias: torch.Tensor | None,
    delta_softplus: bool,
) -> torch.Tensor:
    """Selective scan in float32; shapes as ``selective_scan_grouped``."""
    channels, states = A.shape[1:]
    zeros = u.new_zeros(u.shape[0], channels)
    D = zeros if D is None else D
    delta_bias = zeros if delta_bias is None else delta_bias
    # Channels and states are filled up to whole vectors with zeros, which stay zero through the scan.
    more, extra = -channels % W, -states % STATES
    u, delta, D, delta_bias = (_filled(t, more) for t in (u, delta, D, delta_bias))
    rates = F.pad(A, (0, extra, 0, more)) if more or extra else A
    B, C = _filled(B, extra), _filled(C, extra)
    y: torch.Tensor = _Scan.apply(u, delta, rates, B, C, D, delta_bias, delta_softplus)
    return y[..., :channels] if more else y


def reorder_conv_silu(x: torch.Tensor, order: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Reordering, causal convolution of four taps and SiLU in one pass; shapes as ``ops.reorder_conv_silu``."""
    channels = x.shape[2]
    more = -channels % W
    x, bias = _filled(x, more), _filled(bias, more)
    taps = _filled(weight.transpose(1, 2), more)  # (G, K, D): channels innermost
    out: torch.Tensor = _ReorderConv.apply(x, order, taps, bias)
    return out[..., :channels] if more else out


def _filled(x: torch.Tensor, more: int) -> torch.Tensor:
    return F.pad(x, (0, more)) if more else x


def _flat(x: torch.Tensor) -> Any:
    return x.detach().reshape(-1).numpy()


def _run(parallel: Callable[..., None], serial: Callable[..., None], *arguments: Any) -> None:
    """Runs a kernel on as many threads as torch uses."""
    most: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    threads = min(torch.get_num_threads(), most)
    # A forked process has no OpenMP threads: a parallel kernel would wait for them for ever.
    if threads == 1 or os.getpid() != _PROCESS:
        serial(*arguments)
        return
    numba.set_num_threads(threads)
    parallel(*arguments)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: Any, delta: Any, A: Any, B: Any, C: Any, D: Any, bias: Any, soft: bool) -> torch.Tensor:
        u, delta, B, C, D, bias = (t.contiguous() for t in (u, delta, B, C, D, bias))
        groups, batch, length, channels = u.shape
        states = A.shape[2]
        rates = (A * LOG2E).transpose(1, 2).contiguous()  # (G, N, D)
        keep = any(ctx.needs_input_grad)
        chunks = -(-length // CHUNK)
        starts = u.new_empty((groups, batch, chunks, states, channels) if keep else (1,))
        y = torch.empty_like(u)
        sizes = (groups, batch, length, channels, states)
        arrays = [_flat(t) for t in (u, delta, rates, B, C, D, bias, y, starts)]
        _run(kernels.scan_forward, kernels.scan_forward_serial, sizes, *arrays, keep, soft)
        ctx.save_for_backward(u, delta, rates, B, C, D, bias, starts)
        ctx.soft, ctx.sizes = soft, sizes
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        u, delta, rates, B, C, D, bias, starts = ctx.saved_tensors
        groups, batch, _, channels, states = ctx.sizes
        du, ddelta, dB, dC = (torch.empty_like(t) for t in (u, delta, B, C))
        dA = u.new_empty(groups, batch, states, channels)
        dD, dbias = u.new_empty(groups, batch, channels), u.new_empty(groups, batch, channels)
        saved = (u, delta, rates, B, C, D, bias, starts, grad.contiguous())
        arrays = [_flat(t) for t in (*saved, du, ddelta, dA, dB, dC, dD, dbias)]
        _run(kernels.scan_backward, kernels.scan_backward_serial, ctx.sizes, *arrays, ctx.soft)
        return du, ddelta, dA.sum(1).transpose(1, 2), dB, dC, dD.sum(1), dbias.sum(1), None


class _ReorderConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, order: Any, weight: Any, bias: Any) -> torch.Tensor:
        x, order, weight, bias = (t.contiguous() for t in (x, order, weight, bias))
        (batch, tokens, channels), (groups, length) = x.shape, order.shape
        out = x.new_empty(groups, batch, length, channels)
        ctx.sizes = (groups, batch, tokens, length, channels)
        arrays = [_flat(t) for t in (x, order, weight, bias, out)]
        _run(kernels.conv_forward, kernels.conv_forward_serial, ctx.sizes, *arrays)
        ctx.save_for_backward(x, order, weight, bias)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        x, order, weight, bias = ctx.saved_tensors
        groups, batch, _, _, channels = ctx.sizes
        dx, dweight = torch.empty_like(x), x.new_empty(groups, batch, TAPS, channels)
        dbias = x.new_empty(groups, batch, channels)
        arrays = [_flat(t) for t in (x, order, weight, bias, grad.contiguous(), dx, dweight, dbias)]
        _run(kernels.conv_backward, kernels.conv_backward_serial, ctx.sizes, *arrays)
        return dx, None, dweight.sum(1), dbias.sum(1)
