"""What LocalVMamba or VMamba a checkpoint is of, by the names and shapes in it alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scansearch.models.local_vmamba.official_names import renewed
from scansearch.models.weight_check import Recognised

Shapes = Mapping[str, tuple[int, ...]]
BLOCK = "layers.0.blocks.0."
OP = f"{BLOCK}op."


def recognise(weights: Mapping[str, Any], *, today: bool = False) -> Recognised | None:
    """The options of the LocalVMamba, or of ``today``'s VMamba, that weights are of; ``None`` if they are of no such network."""
    shapes = {str(name): tuple(getattr(value, "shape", ())) for name, value in renewed(weights).items()}
    if today != (f"{BLOCK}mlp.fc1.weight" in shapes):
        return None
    try:
        options = _options(shapes)
        if today:
            options |= _today(shapes, options)
        return Recognised(options, _rest(shapes))
    except (KeyError, ValueError, IndexError, ZeroDivisionError):  # a name is missing, or a shape has other dimensions
        return None


def _options(shapes: Shapes) -> dict[str, Any]:
    width, inner = shapes[f"{OP}out_proj.weight"]
    _, _, rank = shapes[f"{OP}dt_projs_weight"]
    _, states = shapes[f"{OP}A_logs"]
    _, _, patch, _ = shapes["patch_embed.0.weight"]
    found: dict[str, Any] = {"embed_dim": width, "depths": _depths(shapes), "patch_size": patch}
    found |= {"d_state": states, "expand": inner // width, "dt_rank": "auto" if rank == -(-width // 16) else rank}
    if f"{OP}multi_scan.attn.norm.weight" not in shapes:
        return {**found, "attention": "none"}
    reduced, _ = shapes[f"{OP}multi_scan.attn.global_reduce.weight"]
    spatial = f"{OP}multi_scan.attn.local_reduce.weight" in shapes
    return {**found, "attention": "channel_spatial" if spatial else "channel", "reduction": inner // reduced}


def _today(shapes: Shapes, options: Mapping[str, Any]) -> dict[str, Any]:
    inner, width = shapes[f"{BLOCK}mlp.fc1.weight"]
    return {
        "mlp_ratio": inner // width,
        "patch_size": 4,
    }  # the kernels do not show the patch, which is 4 in VMamba's code


def _depths(shapes: Shapes) -> list[int]:
    stages = [int(match[1]) for name in shapes if (match := re.fullmatch(r"layers\.(\d+)\.blocks\.\d+\.op\.Ds", name))]
    return [stages.count(stage) for stage in sorted(set(stages))]


def _rest(shapes: Shapes) -> str:
    counts = [shape[0] for name, shape in shapes.items() if name.endswith(".op.dt_projs_weight")]
    fewest, most = min(counts), max(counts)
    count = f"{most}" if fewest == most else f"{fewest} to {most}"
    kind = "candidates" if f"{OP}multi_scan.weights" in shapes else "directions"
    return f"{kind} a layer: {count}, image channels: {shapes['patch_embed.0.weight'][1]}, classes: {shapes['classifier.head.weight'][0]}"
