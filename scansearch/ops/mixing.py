"""Weights on branches: what SCAttn reads off a branch and gives it, and the mixture of branches in a search."""

from __future__ import annotations

import torch

from scansearch.errors import ScansearchError
from scansearch.ops.backends import backend_for
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
        UnsupportedError: If the backend cannot take these tensors.
    """
    expect_tensors(x=x, weight=weight)
    expect_rank("x", x, "(G, B, L, D)")
    expect_rank("weight", weight, "(R, D)")
    expect("weight", weight, (weight.shape[0], x.shape[3]), "(R, D)")
    same_device(x=x, weight=weight)
    floating(x=x, weight=weight)
    if x.shape[2] == 0:
        raise ScansearchError(f"the mean over tokens needs at least one, but x has shape {tuple(x.shape)}")
    module = backend_for(backend, x, weight)
    result: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = module.norm_reduce(x, weight)
    return result


def weigh(x: torch.Tensor, channel: torch.Tensor, token: torch.Tensor, *, backend: str = "auto") -> torch.Tensor:
    """``x * channel * token``: what SCAttn (arXiv 2403.09338, section 4.2) does with its weights.

    Args:
        x: (G, B, L, D).
        channel: A weight a channel (G, B, D).
        token: A weight a token (G, B, L).
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        (G, B, L, D).

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
        UnsupportedError: If the backend cannot take these tensors.
    """
    expect_tensors(x=x, channel=channel, token=token)
    expect_rank("x", x, "(G, B, L, D)")
    groups, batch, tokens, channels = x.shape
    expect("channel", channel, (groups, batch, channels), "(G, B, D)")
    expect("token", token, (groups, batch, tokens), "(G, B, L)")
    same_device(x=x, channel=channel, token=token)
    floating(x=x, channel=channel, token=token)
    result: torch.Tensor = backend_for(backend, x, channel, token).weigh(x, channel, token)
    return result


def mixture(branches: torch.Tensor, weights: torch.Tensor, *, backend: str = "auto") -> torch.Tensor:
    """``sum_g weights[g] * LN(branches[g])``, LN being LayerNorm over channels without affine parameters (eps 1e-5).

    This is the layer of LocalMamba's search (arXiv 2403.09338, section 4.3), whose weights are softmax(alpha).

    Args:
        branches: (G, B, L, D).
        weights: (G).
        backend: ``auto`` or a name; see ``scansearch.ops``.

    Returns:
        (B, L, D).

    Raises:
        ScansearchError: If shapes or types do not fit, or there is no such backend.
        BackendUnavailableError: If the backend that was asked for cannot run here.
        UnsupportedError: If the backend cannot take these tensors.
    """
    expect_tensors(branches=branches, weights=weights)
    expect_rank("branches", branches, "(G, B, L, D)")
    expect("weights", weights, (branches.shape[0],), "(G)")
    same_device(branches=branches, weights=weights)
    floating(branches=branches, weights=weights)
    result: torch.Tensor = backend_for(backend, branches, weights).mixture(branches, weights)
    return result
