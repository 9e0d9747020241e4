"""Names of the weights of a LocalVim in LocalMamba's code.

Of ours only those of the mixers differ: the parameters of all directions are stacked in one tensor a kind here, and have a name
for each direction there; alpha is ``multi_scan.weights``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

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


def official(name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    """One of our weights under its names there."""
    prefix, _, kind = name.rpartition(".")
    if kind == "alpha":
        return {f"{prefix}.multi_scan.weights": value}
    if kind not in PER_DIRECTION:
        return {name: value}
    rows = value.unsqueeze(2) if kind == "conv_weight" else value
    return {f"{prefix}.{PER_DIRECTION[kind].format(i)}": row for i, row in enumerate(rows)}
