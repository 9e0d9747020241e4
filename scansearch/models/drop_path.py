"""Stochastic depth (Huang et al., arXiv 1603.09382)."""

from __future__ import annotations

import torch


def drop_path(x: torch.Tensor, rate: float, training: bool) -> torch.Tensor:
    """Zeroes whole samples of x (B, ...) with probability ``rate`` and scales the others up."""
    if not training or rate == 0:
        return x
    ones = [1] * (x.ndim - 1)
    keep = torch.rand(x.shape[0], *ones, device=x.device, dtype=torch.float32) >= rate
    return x * keep / (1 - rate)
