"""An exponential moving average of weights, which is often better than the weights themselves."""

from __future__ import annotations

import copy

import torch
from torch import nn


class MovingAverage:
    """Follows the weights of a network.

    Not torch's ``AveragedModel``: it asks the device at every update whether it is the first. After update t of T the average
    moves by ``1 - min(decay, (1 + t) / (10 + t))`` towards the weights, so that a short training forgets how it began.

    Args:
        network: The network, where it is trained.
        decay: Share that the average keeps in an update, in (0, 1).

    Attributes:
        network: A copy of the network with averaged weights, in evaluation mode; buffers are those of the last update.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Moves the average towards the weights of ``network``, after step ``step`` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages: list[torch.Tensor] = list(self.network.parameters())
        weights: list[torch.Tensor] = list(network.parameters())
        torch._foreach_lerp_(averages, weights, 1 - decay)
        for own, other in zip(self.network.buffers(), network.buffers(), strict=True):
            own.copy_(other)
