"""Exporter ``localmamba``: a model function for classification, backbone settings for detection and segmentation.

LocalMamba registers a model by a decorated function whose name contains ``local_vim`` (lib/models/local_vim.py) or ``local_vssm``
(lib/models/local_vmamba.py), builds it by the name ``timm_`` + that name, and takes the directions as a list of K lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scansearch.errors import UnsupportedError
from scansearch.export.exporter import Exporter
from scansearch.files import write_text
from scansearch.genotype import Genotype

LOADABLE = re.compile(r"(h|v|w[1-9][0-9]*)(_flip)?")
VIM, VMAMBA = "local_vim", "local_vssm"
LONGEST_NAME = 80  # characters: with its endings it must stay a file name
WIDTHS = {"local_vim_small": 384}
DEFAULT_WIDTH = 192  # LocalVim-T; the paper searches at 128, and trains what it found at 192 and 384
VMAMBA_DEPTHS = {15: [2, 2, 9, 2], 33: [2, 2, 27, 2]}
IMAGE_SIZES = {"mmdet": (1024, 1024), "mmseg": (512, 512)}  # of LocalMamba's own settings
VERSIONS = {"mmdet": "mmdet 3.3", "mmseg": "mmseg 1.2"}


def write(genotype: Genotype, folder: Path) -> list[Path]:
    """Writes the model function and the two backbone files.

    Raises:
        UnsupportedError: If a layer uses an order that LocalMamba's code does not know, or the depth is not one of its models.
    """
    check_loadable(genotype)
    hierarchical, name = is_vmamba(genotype), function_name(genotype)
    backbone: Callable[[Genotype, str], dict[str, Any]] = _vmamba if hierarchical else _vim
    files = {f"{name}.py": _classification(genotype, name)}
    for library in VERSIONS:
        files[f"{name}_{library}.py"] = _config(backbone(genotype, library), library)
    for file, text in files.items():
        write_text(folder / file, text)
    return [folder / file for file in files]


def is_vmamba(genotype: Genotype) -> bool:
    """Whether the genotype belongs to a hierarchical model."""
    return "vmamba" in (genotype.model or "") or any(layer.stage for layer in genotype.layers)


def check_loadable(genotype: Genotype) -> None:
    """LocalMamba's code reads h, v, w<K> and their flips, nothing else.

    Raises:
        UnsupportedError: Naming the first layer that uses another order.
    """
    for number, layer in enumerate(genotype.layers, start=1):
        for direction in layer.directions:
            if not LOADABLE.fullmatch(direction):
                raise UnsupportedError(
                    f"LocalMamba's code loads h, v, w<K> and their flips, but layer {number} uses {direction!r}; "
                    f"search a space without it, or export --to json"
                )


def function_name(genotype: Genotype) -> str:
    """A valid Python name that LocalMamba's registry accepts, such as ``local_vim_micro_searched``.

    A genotype may come from anywhere: whatever its model is called, only letters, digits and underscores go into the files.
    """
    base = re.sub(r"[^a-z0-9]+", "_", (genotype.model or "model").lower()).strip("_") or "model"
    prefix = VMAMBA if is_vmamba(genotype) else VIM
    base = base.replace("local_vmamba", VMAMBA)
    name = base if base.startswith(prefix) else f"{prefix}_{base}"
    return f"{name[:LONGEST_NAME].rstrip('_')}_searched"


def _directions(genotype: Genotype, indent: str) -> str:
    rows = (f"{indent}    {list(layer.directions)!r},\n" for layer in genotype.layers)
    return "[\n" + "".join(rows) + f"{indent}]"


def _classification(genotype: Genotype, name: str) -> str:
    hierarchical = is_vmamba(genotype)
    home = "local_vmamba.py" if hierarchical else "local_vim.py"
    lines = [
        f"# Paste into lib/models/{home} of LocalMamba, and train with its scripts: --model timm_{name}",
        "# Directions found by scansearch.",
        "@register_model",
        f"def {name}(pretrained=False, drop_path_rate={0.2 if hierarchical else 0.1}, **kwargs):",
        f"    directions = {_directions(genotype, '    ')}",
        *(_vmamba_call(genotype) if hierarchical else _vim_call(genotype)),
    ]
    return "\n".join(lines) + "\n"


def _vmamba_call(genotype: Genotype) -> list[str]:
    return [
        "    return VSSM(",
        f"        dims=[96, 192, 384, 768], depths={_depths(genotype)}, ssm_d_state=16,",
        "        drop_path_rate=drop_path_rate, directions=directions, **kwargs,",
        "    )",
    ]


def _vim_call(genotype: Genotype) -> list[str]:
    return [
        "    # embed_dim: 192 is LocalVim-T, 384 is LocalVim-S; the directions serve any width.",
        "    return VisionMamba(",
        f"        patch_size=16, embed_dim={_width(genotype)}, depth={len(genotype.layers)}, rms_norm=True,",
        "        residual_in_fp32=True, fused_add_norm=True, final_pool_type='mean', if_abs_pos_embed=True,",
        "        if_rope=True, if_rope_residual=True, bimamba_type='v2',",
        "        drop_path_rate=drop_path_rate, directions=directions, **kwargs,",
        "    )",
    ]


def _width(genotype: Genotype) -> int:
    return WIDTHS.get(genotype.model or "", DEFAULT_WIDTH)


def _vim(genotype: Genotype, library: str) -> dict[str, Any]:
    depth = len(genotype.layers)
    return {
        "type": "MM_LocalVim",
        "directions": genotype.directions,
        "pretrained_ckpt": None,
        "img_size": IMAGE_SIZES[library],
        "patch_size": 16,
        "embed_dim": _width(genotype),
        "depth": depth,
        "rms_norm": True,
        "residual_in_fp32": True,
        "fused_add_norm": True,
        "final_pool_type": "mean",
        "if_abs_pos_embed": True,
        "if_rope": True,
        "if_rope_residual": True,
        "bimamba_type": "v2",
        # Its detector builds a pyramid from the last layer, its segmenter takes the end of each quarter.
        "out_indices": [depth - 1] if library == "mmdet" else _quarters(depth),
    }


def _quarters(depth: int) -> list[int]:
    """The last layer of each quarter, as LocalMamba's own settings take for 20 layers."""
    return sorted({max(0, round(depth * part / 4) - 1) for part in (1, 2, 3, 4)})


def _depths(genotype: Genotype) -> list[int]:
    count = len(genotype.layers)
    if count not in VMAMBA_DEPTHS:
        raise UnsupportedError(
            f"LocalMamba's LocalVMamba has 15 (T) or 33 (S) layers, but this genotype has {count}; "
            f"search a model of that depth, or export --to json"
        )
    return VMAMBA_DEPTHS[count]


def _vmamba(genotype: Genotype, _: str) -> dict[str, Any]:
    return {
        "type": "MM_LocalVSSM",
        "directions": genotype.directions,
        "pretrained": None,
        "dims": 96,
        "depths": _depths(genotype),
        "ssm_d_state": 16,
        "ssm_dt_rank": "auto",
        "ssm_ratio": 2.0,
        "out_indices": [0, 1, 2, 3],
    }


def _config(backbone: dict[str, Any], library: str) -> str:
    # Its detection settings for LocalVim take their neck from the module `vitdet`.
    modules = ["vitdet", "model"] if library == "mmdet" and backbone["type"] == "MM_LocalVim" else ["model"]
    lines = [
        f"# Backbone settings for LocalMamba's {VERSIONS[library]} code; merge into a config that defines the rest.",
    ]
    if "rms_norm" in backbone:
        lines.append(
            "# rms_norm and fused_add_norm are those of the classification model; LocalMamba's own files say False."
        )
    lines += [
        f"custom_imports = dict(imports={modules!r})",
        "model = dict(",
        "    backbone=dict(",
        "        _delete_=True,  # nothing of the base config's backbone stays",
    ]
    for key, value in backbone.items():
        if key == "directions":
            lines.append("        directions=[")
            lines += [f"            {row!r}," for row in value]
            lines.append("        ],")
        else:
            lines.append(f"        {key}={value!r},")
    return "\n".join([*lines, "    ),", ")", ""])


LOCALMAMBA = Exporter("localmamba", "a model function and mmdet / mmseg backbone settings for LocalMamba's code", write)
