"""Weights on branches: what SCAttn reads off a branch and gives it, and the mixture of branches in a search."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.nn import functional as F

from scansearch.errors import ScansearchError
from scansearch.ops.backends import call, coarse_backend
from scansearch.ops.backends.base import EPS
from scansearch.ops.shapes import expect, expect_rank, expect_tensors, floating, same_device


def norm_reduce(
    x: torch.Tensor, weight: torch.Tensor, *, backend: str = "auto"
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What SCAttn reads off a branch: with n = LN(x) without affine parameters, n's mean over tokens, and W n.

    x itself is handed through. Use the x that comes out, and its whole gradient is put together in one pass.

    Args:
        x: (G, B, L, D).
        weight: W (R, D).
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        x; the mean (G, B, D); and W n (G, B, L, R).

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
    """
    expect_tensors(x=x, weight=weight)
    expect_rank("x", x, "(G, B, L, D)")
    expect_rank("weight", weight, "(R, D)")
    expect("weight", weight, (weight.shape[0], x.shape[3]), "(R, D)")
    same_device(x=x, weight=weight)
    floating(x=x, weight=weight)
    if x.shape[2] == 0:
        raise ScansearchError(f"the mean over tokens needs at least one, but x has shape {tuple(x.shape)}")
    result: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = call(backend, "norm_reduce", x, weight)
    return result


def weigh(
    x: torch.Tensor, channel: torch.Tensor, token: torch.Tensor | None = None, *, backend: str = "auto"
) -> torch.Tensor:
    """``x * channel * token``, or ``x * channel``: what SCAttn (arXiv 2403.09338, section 4.2) does with its weights.

    Args:
        x: (G, B, L, D).
        channel: A weight a channel (G, B, D).
        token: A weight a token (G, B, L), or ``None``.
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        (G, B, L, D).

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
    """
    _check_weights(x, channel, token)
    result: torch.Tensor = call(backend, "weigh", x, channel, token)
    return result


def mixture(
    branches: torch.Tensor | Iterable[torch.Tensor], weights: torch.Tensor | None = None, *, backend: str = "auto"
) -> torch.Tensor:
    """``sum_g weights[g] * LN(branches[g])``, LN being LayerNorm over channels without affine parameters (eps 1e-5).

    Without weights it is the plain sum of the branches, as a derived network computes it.

    This is the layer of LocalMamba's search (arXiv 2403.09338, section 4.3), whose weights are softmax(alpha).

    Args:
        branches: (G, B, L, D). Plain PyTorch also mixes other shapes (G, ..., D), and G tensors (..., D) one by one as they
            come, so that they need not be there together.
        weights: (G), or ``None``.
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        (B, L, D), or (..., D).

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
    """
    if isinstance(branches, Iterable) and not isinstance(branches, torch.Tensor):
        return _one_by_one(branches, weights)
    expect_tensors(("weights",), branches=branches, weights=weights)
    if branches.dim() < 2:
        raise ScansearchError(f"branches must be (G, B, L, D) or (G, ..., D), but got shape {tuple(branches.shape)}")
    expect("weights", weights, (branches.shape[0],), "(G)")
    same_device(branches=branches, weights=weights)
    floating(branches=branches, weights=weights)
    if weights is None:
        return branches.sum(0)
    if branches.dim() != 4:
        return torch.einsum("g,g...->...", weights, F.layer_norm(branches, branches.shape[-1:], eps=EPS))
    result: torch.Tensor = call(backend, "mixture", branches, weights)
    return result


def weighed_mixture(
    x: torch.Tensor,
    channel: torch.Tensor,
    token: torch.Tensor | None = None,
    weights: torch.Tensor | None = None,
    *,
    backend: str = "auto",
) -> torch.Tensor:
    """The ``mixture`` of what ``weigh`` gives: ``sum_g weights[g] * LN(x[g] * channel[g] * token[g])``.

    A backend may do both in one; else they are what they are alone, and so they are without weights of branches.

    Args:
        x: Branches (G, B, L, D).
        channel: A weight a channel (G, B, D).
        token: A weight a token (G, B, L), or ``None``.
        weights: (G), or ``None`` for the plain sum.
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        (B, L, D).

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
    """
    _check_weights(x, channel, token)
    expect_tensors(("weights",), weights=weights)
    expect("weights", weights, (x.shape[0],), "(G)")
    same_device(x=x, weights=weights)
    floating(weights=weights)
    if weights is not None:
        chosen: Any = coarse_backend(backend, "weighed_mixture", x, channel, token, weights)
        if chosen is not None:
            result: torch.Tensor = chosen.weighed_mixture(x, channel, token, weights)
            return result
    return mixture(weigh(x, channel, token, backend=backend), weights, backend=backend)


def _check_weights(x: torch.Tensor, channel: torch.Tensor, token: torch.Tensor | None) -> None:
    expect_tensors(("token",), x=x, channel=channel, token=token)
    expect_rank("x", x, "(G, B, L, D)")
    groups, batch, tokens, channels = x.shape
    expect("channel", channel, (groups, batch, channels), "(G, B, D)")
    expect("token", token, (groups, batch, tokens), "(G, B, L)")
    same_device(x=x, channel=channel, token=token)
    floating(x=x, channel=channel, token=token)


def _one_by_one(branches: Iterable[torch.Tensor], weights: torch.Tensor | None) -> torch.Tensor:
    total: torch.Tensor | None = None
    for place, branch in enumerate(branches):
        expect_tensors(branch=branch)
        term = branch if weights is None else weights[place] * F.layer_norm(branch, branch.shape[-1:], eps=EPS)
        total = term if total is None else total + term
    if total is None:
        raise ScansearchError("a mixture needs at least one branch, but got none")
    return total
