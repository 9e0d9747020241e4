"""Names of the weights of a LocalVMamba or a VMamba in LocalMamba's and VMamba's code.

Of ours only those of the mixers differ. Older checkpoints of VMamba have names of their own for some more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scansearch.shape import ImageShape

if TYPE_CHECKING:
    import torch

STACKED = {
    "A_log": "A_logs",
    "D": "Ds",
    "x_proj_weight": "x_proj_weight",
    "dt_proj_weight": "dt_projs_weight",
    "dt_proj_bias": "dt_projs_bias",
}
"""Our parameters with a row a direction, and the published names."""
FLATTENED = ("A_log", "D")
"""Those whose directions and channels are one dimension there."""
OLDER = (
    (r"patch_embed\.proj\.", "patch_embed.0."),
    (r"patch_embed\.norm\.", "patch_embed.2."),
    (r"(layers\.\d+\.blocks\.\d+)\.ln_1\.", r"\1.norm."),
    (r"(layers\.\d+\.blocks\.\d+)\.self_attention\.", r"\1.op."),
    (r"(norm|head)\.", r"classifier.\1."),
)
"""How names begin in VMamba's older checkpoints, and now."""


def official(name: str, value: torch.Tensor) -> dict[str, torch.Tensor]:
    """One of our weights under its published name."""
    prefix, _, kind = name.rpartition(".")
    if kind in STACKED:
        return {f"{prefix}.{STACKED[kind]}": value.flatten(0, 1) if kind in FLATTENED else value}
    if kind == "alpha":
        return {f"{prefix}.multi_scan.weights": value}
    return {name.replace(".op.attn.", ".op.multi_scan.attn."): value}


def renewed(weights: Mapping[str, Any]) -> Mapping[str, Any]:
    """Weights of any age under today's names; what is no mapping is left for others to refuse."""
    if not isinstance(weights, Mapping):
        return weights
    return {_renewed(name) if isinstance(name, str) else name: value for name, value in weights.items()}


def official_shape(weights: Mapping[str, Any], shape: ImageShape) -> ImageShape:
    """Channels and classes that weights with published names are for; their images may be of any size."""
    named = renewed(weights)
    head, patches = named.get("classifier.head.weight"), named.get("patch_embed.0.weight")
    if head is None or patches is None or (head.ndim, patches.ndim) != (2, 4):
        return shape
    return replace(shape, channels=patches.shape[1], classes=head.shape[0], dense=False)


def _renewed(name: str) -> str:
    for old, new in OLDER:
        if re.match(old, name):
            return re.sub(f"^{old}", new, name)
    return name
