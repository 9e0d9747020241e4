"""Gathering rows by a permutation whose inverse is known, so that the backward pass is a gather too."""

from __future__ import annotations

from typing import Any

import torch

from scansearch.ops.operator import recorded, transformed


def gather_rows(x: torch.Tensor, forward: torch.Tensor, backward: torch.Tensor) -> torch.Tensor:
    """``out[g, b, i] = x[g, b, forward[g, i]]``, 0 where that is -1.

    Indexing with a tensor has a slow backward pass, because it must allow for an index that occurs twice.

    Args:
        x: (G, B, L, D).
        forward: The row to take (G, L'), -1 for a row of zeros.
        backward: Its inverse (G, L), -1 for rows that are not taken.
    """
    if recorded() or transformed():  # these take no such function; torch's own gather has its slow backward pass there
        return _take(x, forward)
    result: torch.Tensor = _GatherRows.apply(x, forward, backward)
    return result


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, forward: torch.Tensor, backward: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(forward, backward)
        return _take(x, forward)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        forward, backward = ctx.saved_tensors
        return gather_rows(gradient, backward, forward), None, None


def _take(x: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    if not x.numel():
        return x.new_zeros(*x.shape[:2], rows.shape[1], x.shape[3])
    taken = torch.stack([panel.index_select(1, row.clamp(min=0)) for panel, row in zip(x, rows, strict=True)])
    if rows.shape[1] > x.shape[2]:  # only then are there more rows than tokens, and so zeros among them
        taken.mul_((rows >= 0)[:, None, :, None])
    return taken


def inverse_of(order: torch.Tensor, tokens: int) -> torch.Tensor:
    """The position (G, tokens) of each token in ``order`` (G, L'), whose zero tokens are -1; -1 where it has none."""
    positions = torch.arange(order.shape[1], device=order.device).expand_as(order)
    slots = torch.where(order < 0, tokens, order)  # zero tokens go to a slot that is cut off
    return order.new_full((order.shape[0], tokens + 1), -1).scatter_(1, slots, positions)[:, :tokens]
