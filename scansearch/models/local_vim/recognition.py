"""What LocalVim a checkpoint is of, by the names and shapes in it alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scansearch.models.weight_check import Recognised

Shapes = Mapping[str, tuple[int, ...]]
FIRST = "layers.0.mixer."


def recognise(weights: Mapping[str, Any]) -> Recognised | None:
    """The options of the LocalVim that weights with LocalMamba's names are of; ``None`` if they are of no LocalVim."""
    shapes = {str(name): tuple(getattr(value, "shape", ())) for name, value in weights.items()}
    try:
        options = _options(shapes)
        return Recognised(options, _rest(shapes, options))
    except (KeyError, ValueError, IndexError, ZeroDivisionError):  # a name is missing, or a shape has other dimensions
        return None


def _options(shapes: Shapes) -> dict[str, Any]:
    width, _, patch, _ = shapes["patch_embed.proj.weight"]
    _, inner = shapes[f"{FIRST}out_proj.weight"]
    _, states = shapes[f"{FIRST}A_log_0"]
    _, _, taps = shapes[f"{FIRST}conv1d_0.weight"]
    _, rank = shapes[f"{FIRST}dt_proj_0.weight"]
    found: dict[str, Any] = {"embed_dim": width, "depth": len(_branches(shapes)), "patch_size": patch}
    found |= {"d_state": states, "expand": inner // width, "d_conv": taps}
    found["dt_rank"] = "auto" if rank == -(-width // 16) else rank
    found["class_token"] = "middle" if "cls_token" in shapes else "none"
    found["attention"] = "none"
    if f"{FIRST}attn.global_reduce.weight" in shapes:
        reduced, _ = shapes[f"{FIRST}attn.global_reduce.weight"]
        spatial = f"{FIRST}attn.local_reduce.weight" in shapes
        found |= {"attention": "channel_spatial" if spatial else "channel", "reduction": inner // reduced}
    return found


def _branches(shapes: Shapes) -> list[int]:
    """How many directions each layer has."""
    layers = [match[1] for name in shapes if (match := re.fullmatch(r"layers\.(\d+)\.mixer\.A_log_\d+", name))]
    return [layers.count(layer) for layer in dict.fromkeys(layers)]


def _rest(shapes: Shapes, options: Mapping[str, Any]) -> str:
    branches = _branches(shapes)
    fewest, most = min(branches), max(branches)
    count = f"{most}" if fewest == most else f"{fewest} to {most}"
    kind = "candidates" if f"{FIRST}multi_scan.weights" in shapes else "directions"
    tokens = shapes["pos_embed"][1] - (options["class_token"] == "middle")
    channels, classes = shapes["patch_embed.proj.weight"][1], shapes["head.weight"][0]
    return f"{kind} a layer: {count}, patches: {tokens}, image channels: {channels}, classes: {classes}"
