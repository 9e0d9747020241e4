"""Weights under the names that they have in published code, and back: what families share of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from scansearch.lazy import torch

if TYPE_CHECKING:
    from torch import nn

Renaming = Callable[[str, "torch.Tensor"], "dict[str, torch.Tensor]"]
"""One of our weights, by its name, as published: one tensor, or one for each of its rows."""


def renamed_state_dict(network: nn.Module, official: Renaming) -> dict[str, torch.Tensor]:
    """The weights of a network or a supernet under their published names; they share memory with it."""
    found: dict[str, torch.Tensor] = {}
    for name, value in network.state_dict().items():
        found |= official(name, value)
    return found


def from_renamed(
    network: nn.Module, weights: Mapping[str, torch.Tensor], official: Renaming
) -> dict[str, torch.Tensor]:
    """The opposite: the state dict of a network or a supernet, of weights with published names and the network's shapes."""
    own = {}
    for name, value in network.state_dict().items():
        rows = [weights[theirs] for theirs in official(name, value)]
        own[name] = torch.stack(rows).view(value.shape)
    return own
