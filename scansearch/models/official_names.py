"""Weights under the names that they have in published code, and back: what families share of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from scansearch.errors import ScansearchError
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


def load_renamed(network: nn.Module, weights: Mapping[str, torch.Tensor], official: Renaming) -> None:
    """Copies weights with published names into a network or a supernet.

    Raises:
        ScansearchError: If a weight is missing, is not the network's, or has another shape.
    """
    wanted = renamed_state_dict(network, official)
    for problem, names in (
        ("lack", [name for name in wanted if name not in weights]),
        ("have, and this network has not,", [name for name in weights if name not in wanted]),
    ):
        if names:
            raise ScansearchError(
                f"these weights {problem} {_first(names)}; build the network that they were saved from"
            )
    for name, like in wanted.items():
        if weights[name].shape != like.shape:
            raise ScansearchError(
                f"{name} has shape {tuple(weights[name].shape)}, but this network has {tuple(like.shape)}; build the network that "
                "it was saved from"
            )
    own = {}
    for name, value in network.state_dict().items():
        rows = [weights[theirs] for theirs in official(name, value)]
        own[name] = torch.stack(rows).view(value.shape)
    network.load_state_dict(own)


def _first(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
