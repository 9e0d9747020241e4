"""A batch: what a step of training gets."""

from __future__ import annotations

from dataclasses import dataclass

from scansearch.lazy import torch


@dataclass(frozen=True)
class Batch:
    """Images (B, C, H, W), normalised and augmented, and targets: int64 (B,), or float (B, classes) when mixed."""

    images: torch.Tensor
    targets: torch.Tensor
