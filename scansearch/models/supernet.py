"""Supernets: networks that hold every candidate of every layer and run those that a strategy selects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from scansearch.errors import ScansearchError


class Selection(NamedTuple):
    """Which candidate branches of a layer run.

    Args:
        indices: Candidates, by their place in the layer's list.
        weights: Shape (k,): the layer gives sum_j weights[j] * LN(branch_j) with an affine-free LayerNorm, LocalMamba's form
            in the search. ``None``: the plain sum of the branches, as the derived network computes it.
        shortcut: The layer's input is added to this sum with this weight (DARTS-, arXiv 2009.01027).
        part: ``(i, n)``: only block i of n equal blocks of channels goes through the branches, the others pass (PC-DARTS,
            arXiv 1907.05737). ``None``: all channels.
    """

    indices: tuple[int, ...]
    weights: torch.Tensor | None = None
    shortcut: float = 0.0
    part: tuple[int, int] | None = None


def check_selection(selection: Selection, count: int) -> None:
    """Checks a selection against a layer of ``count`` candidates.

    Raises:
        ScansearchError: If it selects nothing or a candidate that is not there, or has not one weight an index.
    """
    indices, weights = selection.indices, selection.weights
    if not indices or not all(0 <= index < count for index in indices):
        raise ScansearchError(
            f"a selection lists at least one candidate of its layer, by numbers from 0 to {count - 1}, but got {indices}"
        )
    if weights is not None and tuple(weights.shape) != (len(indices),):
        raise ScansearchError(
            f"a selection of {len(indices)} candidates has weights of shape ({len(indices)},), but got {tuple(weights.shape)}"
        )


class Supernet(nn.Module, ABC):
    """What strategies and the engine need of a supernet.

    Attributes:
        candidates: The candidate directions of each layer.
    """

    candidates: list[tuple[str, ...]]

    @abstractmethod
    def forward(self, images: torch.Tensor, selections: Sequence[Selection]) -> torch.Tensor:
        """Logits (B, classes) of images (B, C, H, W) under one selection a layer."""

    @abstractmethod
    def architecture_parameters(self) -> list[nn.Parameter]:
        """Alpha: one parameter of shape (N, 1, 1, 1) a layer."""

    @abstractmethod
    def no_weight_decay(self) -> set[str]:
        """Names of the weights that weight decay must spare."""

    def weight_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Every parameter but alpha, by name."""
        alphas = {id(alpha) for alpha in self.architecture_parameters()}
        return [(name, p) for name, p in self.named_parameters() if id(p) not in alphas]
