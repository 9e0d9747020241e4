"""Exporter ``localmamba``: a model function for classification, backbone settings for detection and segmentation.

LocalMamba registers a model by a decorated function whose name contains ``local_vim`` (lib/models/local_vim.py) or ``local_vssm``
(lib/models/local_vmamba.py), and takes the directions as a list of K lists.
"""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Any

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.export.exporter import Exporter
from scansearch.files import write_text
from scansearch.genotype import Genotype

LOADABLE = re.compile(r"(h|v|w[1-9]\d*)(_flip)?")
VIM, VMAMBA = "local_vim", "local_vssm"
WIDTHS = {"local_vim_tiny": 192, "local_vim_small": 384, "local_vim_search": 128}
DEFAULT_WIDTH = 192
VMAMBA_DEPTHS = {15: [2, 2, 9, 2], 33: [2, 2, 27, 2]}


def write(genotype: Genotype, folder: Path) -> list[Path]:
    """Writes the model function and the two backbone files.

    Raises:
        UnsupportedError: If a layer uses an order that LocalMamba's code does not know, or the depth is not one of its models.
    """
    check_loadable(genotype)
    backbone = _vmamba(genotype) if is_vmamba(genotype) else _vim(genotype)
    name = function_name(genotype)
    files = {
        f"{name}.py": _classification(genotype, name),
        f"{name}_mmdet.py": _config(backbone, "mmdet 3.3"),
        f"{name}_mmseg.py": _config(backbone, "mmseg 1.2"),
    }
    for file, text in files.items():
        write_text(folder / file, text)
    return [folder / file for file in files]


def is_vmamba(genotype: Genotype) -> bool:
    """Whether the genotype belongs to a hierarchical model."""
    return "vmamba" in (genotype.model or "") or any(layer.stage for layer in genotype.layers)


def check_loadable(genotype: Genotype) -> None:
    """LocalMamba's code reads h, v, w<K> and their flips, nothing else."""
    for number, layer in enumerate(genotype.layers, start=1):
        for direction in layer.directions:
            if not LOADABLE.fullmatch(direction):
                raise UnsupportedError(
                    f"LocalMamba's code loads h, v, w<K> and their flips, but layer {number} uses {direction!r}; "
                    f"search a space without it, or export --to json"
                )


def function_name(genotype: Genotype) -> str:
    """A valid Python name that LocalMamba's registry accepts, such as ``local_vim_micro_searched``."""
    base = re.sub(r"\W+", "_", (genotype.model or "model").lower(), flags=re.ASCII).strip("_") or "model"
    prefix = VMAMBA if is_vmamba(genotype) else VIM
    base = base.replace("local_vmamba", VMAMBA)
    name = f"{base if prefix in base else f'{prefix}_{base}'}_searched"
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ScansearchError(
            f"{genotype.model!r} cannot be turned into a function name; give the genotype a model name"
        )
    return name


def _directions(genotype: Genotype, indent: str) -> str:
    rows = (f"{indent}    {list(layer.directions)!r},\n" for layer in genotype.layers)
    return "[\n" + "".join(rows) + f"{indent}]"


def _classification(genotype: Genotype, name: str) -> str:
    home = "local_vmamba.py" if is_vmamba(genotype) else "local_vim.py"
    lines = [
        f"# Paste into lib/models/{home} of LocalMamba, and train with its scripts: --model {name}",
        "# Directions found by scansearch.",
        "@register_model",
        f"def {name}(*args, drop_path_rate={0.2 if is_vmamba(genotype) else 0.1}, **kwargs):",
        f"    directions = {_directions(genotype, '    ')}",
    ]
    if is_vmamba(genotype):
        depths = _vmamba(genotype)["depths"]
        lines += [
            f"    return VSSM(dims=[96, 192, 384, 768], depths={depths}, d_state=16, drop_path_rate=drop_path_rate,",
            "                directions=directions)",
        ]
    else:
        lines += [
            "    return VisionMamba(",
            f"        patch_size=16, embed_dim={_width(genotype)}, depth={len(genotype.layers)}, rms_norm=True,",
            "        residual_in_fp32=True, fused_add_norm=True, final_pool_type='mean', if_abs_pos_embed=True,",
            "        if_rope=True, if_rope_residual=True,",
            "        bimamba_type='v2', drop_path_rate=drop_path_rate, directions=directions, **kwargs,",
            "    )",
        ]
    return "\n".join(lines) + "\n"


def _width(genotype: Genotype) -> int:
    return WIDTHS.get(genotype.model or "", DEFAULT_WIDTH)


def _vim(genotype: Genotype) -> dict[str, Any]:
    return {
        "type": "MM_LocalVim",
        "directions": [list(layer.directions) for layer in genotype.layers],
        "pretrained_ckpt": None,
        "img_size": 224,
        "patch_size": 16,
        "embed_dim": _width(genotype),
        "depth": len(genotype.layers),
        "rms_norm": True,
        "residual_in_fp32": True,
        "fused_add_norm": True,
        "final_pool_type": "mean",
        "if_abs_pos_embed": True,
        "if_rope": True,
        "if_rope_residual": True,
        "bimamba_type": "v2",
        "out_indices": _outputs(len(genotype.layers)),
    }


def _outputs(depth: int) -> list[int]:
    """The last layer of each quarter, as LocalMamba's own settings take for 20 layers."""
    return sorted({max(0, round(depth * part / 4) - 1) for part in (1, 2, 3, 4)})


def _vmamba(genotype: Genotype) -> dict[str, Any]:
    count = len(genotype.layers)
    if count not in VMAMBA_DEPTHS:
        raise UnsupportedError(f"LocalMamba's LocalVMamba has 15 (T) or 33 (S) layers, but this genotype has {count}")
    return {
        "type": "MM_LocalVSSM",
        "directions": [list(layer.directions) for layer in genotype.layers],
        "pretrained": None,
        "dims": 96,
        "depths": VMAMBA_DEPTHS[count],
        "ssm_d_state": 16,
        "ssm_dt_rank": "auto",
        "ssm_ratio": 2.0,
        "out_indices": [0, 1, 2, 3],
    }


def _config(backbone: dict[str, Any], library: str) -> str:
    lines = [
        f"# Backbone settings for LocalMamba's {library} code; merge into a config that defines the rest.",
        "model = dict(",
        "    backbone=dict(",
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
