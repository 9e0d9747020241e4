"""Weights of a LocalVim under the names that they have in LocalMamba's code, and back.

Of ours only those of the mixers differ: the parameters of all directions are stacked in one tensor a kind here, and have a name
for each direction there; alpha is ``multi_scan.weights``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from scansearch.errors import ScansearchError
from scansearch.lazy import torch
from scansearch.shape import ImageShape

if TYPE_CHECKING:
    from torch import nn

PER_DIRECTION = {
    "A_log": "A_log_{}",
    "D": "D_{}",
    "conv_weight": "conv1d_{}.weight",
    "conv_bias": "conv1d_{}.bias",
    "x_proj_weight": "x_proj_{}.weight",
    "dt_proj_weight": "dt_proj_{}.weight",
    "dt_proj_bias": "dt_proj_{}.bias",
}
"""Our stacked parameters, and LocalMamba's names of their slices."""


def official_state_dict(network: nn.Module) -> dict[str, torch.Tensor]:
    """The weights of a network or a supernet as LocalMamba's code loads them; they share memory with it."""
    found: dict[str, torch.Tensor] = {}
    for name, value in network.state_dict().items():
        found |= _official(name, value)
    return found


def load_official(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Copies weights with LocalMamba's names into a network or a supernet.

    Raises:
        ScansearchError: If a weight is missing, is not the network's, or has another shape.
    """
    wanted = official_state_dict(network)
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
        parts = [weights[theirs] for theirs in _official(name, value)]
        own[name] = torch.stack(parts).view(value.shape) if _kind(name) in PER_DIRECTION else parts[0]
    network.load_state_dict(own)


def official_shape(weights: Mapping[str, torch.Tensor], shape: ImageShape) -> ImageShape:
    """Images and classes that weights with LocalMamba's names are for, square images if they are others than ``shape``."""
    head, patches, places = (weights.get(name) for name in ("head.weight", "patch_embed.proj.weight", "pos_embed"))
    if head is None or patches is None or places is None or (head.ndim, patches.ndim, places.ndim) != (2, 4, 3):
        return shape
    tokens, patch = places.shape[1] - ("cls_token" in weights), patches.shape[-1]
    height, width = shape.size
    if (height // patch) * (width // patch) != tokens:
        height = width = math.isqrt(tokens) * patch
    return ImageShape(height, width, patches.shape[1], head.shape[0])


def _official(name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    """One of our weights under its names there."""
    prefix, kind = name.rpartition(".")[0], _kind(name)
    if kind == "alpha":
        return {f"{prefix}.multi_scan.weights": value}
    if kind not in PER_DIRECTION:
        return {name: value}
    rows = value.unsqueeze(2) if kind == "conv_weight" else value
    return {f"{prefix}.{PER_DIRECTION[kind].format(i)}": row for i, row in enumerate(rows)}


def _kind(name: str) -> str:
    return name.rpartition(".")[2]


def _first(names: list[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
