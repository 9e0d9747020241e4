"""Names of the weights of a LocalVim in LocalMamba's code.

Of ours only those of the mixers differ: the parameters of all directions are stacked in one tensor a kind here, and have a name
for each direction there; alpha is ``multi_scan.weights``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from scansearch.shape import ImageShape

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
