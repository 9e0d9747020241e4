"""Weights of a LocalVim under the names that they have in LocalMamba's code, and back.

Of ours only those of the mixers differ: the parameters of all directions are stacked in one tensor a kind here, and have a name
for each direction there; alpha is ``multi_scan.weights``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scansearch.lazy import torch

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


def from_official(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The opposite: the state dict of a network or a supernet, of weights with LocalMamba's names and the network's shapes."""
    own = {}
    for name, value in network.state_dict().items():
        parts = [weights[theirs] for theirs in _official(name, value)]
        own[name] = torch.stack(parts).view(value.shape) if _kind(name) in PER_DIRECTION else parts[0]
    return own


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
