"""Exporter ``localmamba``: a model function for classification, configs for detection and segmentation, and the weights.

LocalMamba registers a model by a decorated function whose name contains ``local_vim`` (lib/models/local_vim.py) or ``local_vssm``
(lib/models/local_vmamba.py), builds it by the name ``timm_`` + that name, and takes the directions as a list of K lists.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.export.derived import DerivedNetwork
from scansearch.export.exporter import Exporter
from scansearch.export.localmamba_models import VIM, TheirModel, model_of
from scansearch.export.remarks import origin
from scansearch.export.template import python_text
from scansearch.files import write_bytes, write_text
from scansearch.lazy import torch

LOADABLE = re.compile(r"(h|v|w[1-9][0-9]*)(_flip)?")
PREFIX = "scansearch_"  # none of LocalMamba's own models is called so, whatever a genotype's model is
TEMPLATES = "scansearch.export"
DENSE_HEAD = "dense_head."  # before the names of all weights of a ``DenseHead``
VERSIONS = {"mmdet": "mmdet 3.3", "mmseg": "mmseg 1.2"}
OURS = re.compile(rf"{PREFIX}[a-z0-9_]*local_(vim|vssm)[a-z0-9_]*\.(py|pth)")
FIRST_LINE = re.compile(r"# (Paste into lib/models/|A config for LocalMamba's )")
BASES = {
    ("mmdet", "VisionMamba"): "./vitdet_cascade_mask-rcnn_local_vim_tiny_lsj-100e.py",
    ("mmdet", "VSSM"): "./mask_rcnn_local_vssm_tiny_fpn_coco.py",
    ("mmseg", "VisionMamba"): "./upernet_local_vim-tiny_8xb2-160k_ade20k-512x512.py",
    ("mmseg", "VSSM"): "./upernet_local_vssm_tiny_8xb2-160k_ade20k-512x512.py",
}
"""Its own configs, which ours change: data, schedules and heads are theirs."""
IMAGE_SIZES = {"mmdet": (1024, 1024), "mmseg": (512, 512)}  # of these


def write(network: DerivedNetwork, folder: Path) -> list[Path]:
    """Writes the model function, the configs, and the weights if there are any.

    Raises:
        UnsupportedError: If LocalMamba's code cannot have such a network.
    """
    check_loadable(network)
    model, name = model_of(network), function_name(network)
    weights = f"{name}.pth" if network.weights is not None else None
    files = {f"{name}.py": _classification(network, model, name)}
    for library in VERSIONS:
        if model.not_dense(library) is None:
            files[f"{name}_{library}.py"] = _config(network, model, library, weights)
    for file, text in files.items():
        write_text(folder / file, text)
    if weights:
        write_bytes(folder / weights, _checkpoint(network))
    return [folder / file for file in (*files, *([weights] if weights else []))]


def applies(network: DerivedNetwork) -> str | None:
    """Why LocalMamba's code cannot have a network, or ``None`` if it can."""
    try:
        check_loadable(network)
        model_of(network)
    except ScansearchError as error:
        return str(error)
    return None


def owns(path: Path) -> bool:
    """Whether a file was written here: by its name, and code by its first line."""
    if not OURS.fullmatch(path.name) or not path.is_file():
        return False
    if path.suffix == ".pth":
        return True
    with path.open("rb") as file:
        return FIRST_LINE.match(file.readline(200).decode(errors="replace")) is not None


def check_loadable(network: DerivedNetwork) -> None:
    """LocalMamba's code reads h, v, w<K> and their flips, nothing else.

    Raises:
        UnsupportedError: Naming the first layer that uses another order.
    """
    for number, layer in enumerate(network.genotype.layers, start=1):
        for direction in layer.directions:
            if not LOADABLE.fullmatch(direction):
                raise UnsupportedError(
                    f"LocalMamba's code loads h, v, w<K> and their flips, but layer {number} uses {direction!r}; "
                    f"search a space without it, or export --to json"
                )


def function_name(network: DerivedNetwork) -> str:
    """A name that LocalMamba's registry accepts and does not have, such as ``scansearch_local_vim_micro_first``."""
    vssm = "vmamba" in (network.genotype.model or "")
    kind, name = (
        ("local_vssm", network.name.replace("local_vmamba", "local_vssm")) if vssm else ("local_vim", network.name)
    )
    return PREFIX + (name if kind in name else f"{kind}_{name}")


def _classification(network: DerivedNetwork, model: TheirModel, name: str) -> str:
    missing = [(library, model.not_dense(library)) for library in VERSIONS]
    remarks = [
        *origin(network.genotype),
        *_head_remarks(model),
        *(f"No config for {VERSIONS[library]}: {reason}." for library, reason in missing if reason),
    ]
    template = "local_vim.py.jinja" if model.kind == VIM else "local_vmamba.py.jinja"
    return python_text(TEMPLATES, template, name=name, model=model, remarks=remarks, settings=model.settings)


def _config(network: DerivedNetwork, model: TheirModel, library: str, weights: str | None) -> str:
    backbone, changed = (_vim if model.kind == VIM else _vssm)(model, library, weights)
    return python_text(
        TEMPLATES,
        "config.py.jinja",
        library=VERSIONS[library],
        remarks=_config_remarks(network, model, weights),
        base=BASES[library, model.kind],
        # Its detection settings for LocalVim take their neck from the module `vitdet`.
        modules=["vitdet", "model"] if library == "mmdet" and model.kind == VIM else ["model"],
        backbone=backbone,
        directions=model.directions,
        changed=changed,
    )


def _config_remarks(network: DerivedNetwork, model: TheirModel, weights: str | None) -> list[str]:
    lines = [*origin(network.genotype), *_head_remarks(model)]
    if not weights:
        lines.append("Its weights were not exported: train it, and name them here.")
    if model.kind == VIM:
        lines.append(
            "This backbone loads weights while A_log_0, A_log_1, ... of a layer share their memory: the last one's win."
        )
    return lines


def _head_remarks(model: TheirModel) -> list[str]:
    return (
        ["Its head, with a class for every pixel, is not in this code: weights are of the rest."]
        if model.shape.dense
        else []
    )


def _vim(model: TheirModel, library: str, weights: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Backbone, and what heads and necks must be told of its width."""
    depth, width = len(model.directions), model.settings["embed_dim"]
    backbone = {
        "type": "MM_LocalVim",
        "pretrained_ckpt": weights,
        "img_size": IMAGE_SIZES[library],
        "drop_path_rate": 0.1,
        **model.settings,
        # Those of classification, which the weights are for; LocalMamba's own configs say False.
        "rms_norm": True,
        "fused_add_norm": True,
        "residual_in_fp32": True,
        "final_pool_type": "mean",
        "if_abs_pos_embed": True,
        "if_rope": True,
        "if_rope_residual": True,
        "bimamba_type": "v2",
        # Its detector builds a pyramid from the last layer, its segmenter takes the end of each quarter.
        "out_indices": [depth - 1] if library == "mmdet" else [round(depth * part / 4) - 1 for part in (1, 2, 3, 4)],
    }
    if library == "mmdet":
        return backbone, {"neck": {"backbone_channel": width, "in_channels": [width // 4, width // 2, width, width]}}
    return backbone, {"decode_head": {"in_channels": [width] * 4}, "auxiliary_head": {"in_channels": width}}


def _vssm(model: TheirModel, library: str, weights: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """As ``_vim``; the drop path of the larger ones is that of its segmentation with LocalVMamba-S."""
    widths = list(model.settings["dims"])
    backbone = {
        "type": "MM_LocalVSSM",
        "pretrained": weights,
        "drop_path_rate": 0.2 if library == "mmseg" and len(model.directions) > 15 else 0.1,
        **model.settings,
        "out_indices": (0, 1, 2, 3),
    }
    if library == "mmdet":
        return backbone, {"neck": {"in_channels": widths}}
    return backbone, {"decode_head": {"in_channels": widths}, "auxiliary_head": {"in_channels": widths[2]}}


def _checkpoint(network: DerivedNetwork) -> bytes:
    """The weights as LocalMamba's detection and segmentation read them, without a dense head, which its code has not."""
    named = network.spec.official_state_dict(network.build())
    theirs = {name: value.contiguous().clone() for name, value in named.items() if not name.startswith(DENSE_HEAD)}
    buffer = io.BytesIO()
    torch.save({"state_dict": theirs}, buffer)
    return buffer.getvalue()


LOCALMAMBA = Exporter(
    "localmamba",
    "a model function, mmdet and mmseg configs, and weights for LocalMamba's code",
    write,
    applies=applies,
    owns=owns,
)
