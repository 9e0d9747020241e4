"""Exporter ``localmamba``: a model function for classification, backbone settings for detection and segmentation.

LocalMamba registers a model by a decorated function whose name contains ``local_vim`` (lib/models/local_vim.py) or ``local_vssm``
(lib/models/local_vmamba.py), builds it by the name ``timm_`` + that name, and takes the directions as a list of K lists.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.export.exporter import Exporter
from scansearch.export.localmamba_models import VMAMBA_DEPTHS, VimModel, VMambaModel, model_of
from scansearch.files import write_text
from scansearch.genotype import Genotype

LOADABLE = re.compile(r"(h|v|w[1-9][0-9]*)(_flip)?")
VIM, VMAMBA = "local_vim", "local_vssm"
LONGEST_NAME = 80  # characters: with its endings it must stay a file name
IMAGE_SIZES = {"mmdet": (1024, 1024), "mmseg": (512, 512)}  # of LocalMamba's own settings
VERSIONS = {"mmdet": "mmdet 3.3", "mmseg": "mmseg 1.2"}
OURS = re.compile(rf"({VIM}|{VMAMBA})[a-z0-9_]*_searched(_mmdet|_mmseg)?\.py")
FIRST_LINE = re.compile(r"# (Paste into lib/models/|Backbone settings for LocalMamba's )")


def write(genotype: Genotype, folder: Path) -> list[Path]:
    """Writes the model function and the two backbone files.

    Raises:
        UnsupportedError: If a layer uses an order that LocalMamba's code does not know, or the model is not one of its own.
    """
    check_loadable(genotype)
    model, name = model_of(genotype), function_name(genotype)
    files = {f"{name}.py": _classification(genotype, model, name)}
    for library in VERSIONS:
        backbone = _vim(genotype, model, library) if isinstance(model, VimModel) else _vmamba(genotype, model)
        files[f"{name}_{library}.py"] = _config(backbone, library, _remarks(model))
    for file, text in files.items():
        write_text(folder / file, text)
    return [folder / file for file in files]


def applies(genotype: Genotype) -> str | None:
    """Why LocalMamba's code cannot have a genotype, or ``None`` if it can."""
    try:
        check_loadable(genotype)
        model_of(genotype)
    except ScansearchError as error:
        return str(error)
    return None


def owns(path: Path) -> bool:
    """Whether a file was written here: by its name and its first line."""
    if not OURS.fullmatch(path.name) or not path.is_file():
        return False
    with path.open("rb") as file:
        return FIRST_LINE.match(file.readline(200).decode(errors="replace")) is not None


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
    prefix = VMAMBA if genotype.model in VMAMBA_DEPTHS else VIM
    base = base.replace("local_vmamba", VMAMBA)
    name = base if base.startswith(prefix) else f"{prefix}_{base}"
    return f"{name[:LONGEST_NAME].rstrip('_')}_searched"


def _directions(genotype: Genotype, indent: str) -> str:
    rows = (f"{indent}    {list(layer.directions)!r},\n" for layer in genotype.layers)
    return "[\n" + "".join(rows) + f"{indent}]"


def _classification(genotype: Genotype, model: VimModel | VMambaModel, name: str) -> str:
    plain = isinstance(model, VimModel)
    lines = [
        f"# Paste into lib/models/{'local_vim.py' if plain else 'local_vmamba.py'} of LocalMamba, and train with its scripts: "
        f"--model timm_{name}",
        "# Directions found by scansearch.",
        *_remarks(model),
        "@register_model",
        f"def {name}({_parameters(model)}):",
        f"    directions = {_directions(genotype, '    ')}",
        *(_vim_call(model) if isinstance(model, VimModel) else _vmamba_call(model)),
    ]
    return "\n".join(lines) + "\n"


def _remarks(model: VimModel | VMambaModel) -> list[str]:
    unsaid = model.unsaid if isinstance(model, VimModel) else ()
    return [f"# Not as in the search, because this code has no other: {phrase}." for phrase in unsaid]


def _parameters(model: VimModel | VMambaModel) -> str:
    if isinstance(model, VMambaModel):
        return "pretrained=False, drop_path_rate=0.2, **kwargs"
    shape = model.shape
    images = "" if shape is None else f"img_size={shape.height}, channels={shape.channels}, "
    return f"pretrained=False, {images}drop_path_rate=0.1, **kwargs"


def _vmamba_call(model: VMambaModel) -> list[str]:
    return [
        "    return VSSM(",
        f"        dims=[96, 192, 384, 768], depths={list(model.depths)}, ssm_d_state=16,",
        "        drop_path_rate=drop_path_rate, directions=directions, **kwargs,",
        "    )",
    ]


def _vim_call(model: VimModel) -> list[str]:
    images = "" if model.shape is None else "img_size=img_size, channels=channels, "
    sizes = ", ".join(f"{name}={value!r}" for name, value in model.settings.items())
    return [
        "    # The sizes of the search. The directions serve any width: embed_dim=192 is LocalVim-T's, 384 LocalVim-S's.",
        "    return VisionMamba(",
        f"        {images}{sizes}, rms_norm=True,",
        "        residual_in_fp32=True, fused_add_norm=True, final_pool_type='mean', if_abs_pos_embed=True,",
        "        if_rope=True, if_rope_residual=True, bimamba_type='v2',",
        "        drop_path_rate=drop_path_rate, directions=directions, **kwargs,",
        "    )",
    ]


def _vim(genotype: Genotype, model: VimModel, library: str) -> dict[str, Any]:
    depth = model.settings["depth"]
    return {
        "type": "MM_LocalVim",
        "directions": genotype.directions,
        "pretrained_ckpt": None,
        "img_size": IMAGE_SIZES[library],
        **model.settings,
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


def _vmamba(genotype: Genotype, model: VMambaModel) -> dict[str, Any]:
    return {
        "type": "MM_LocalVSSM",
        "directions": genotype.directions,
        "pretrained": None,
        "dims": 96,
        "depths": list(model.depths),
        "ssm_d_state": 16,
        "ssm_dt_rank": "auto",
        "ssm_ratio": 2.0,
        "out_indices": [0, 1, 2, 3],
    }


def _config(backbone: dict[str, Any], library: str, remarks: list[str]) -> str:
    # Its detection settings for LocalVim take their neck from the module `vitdet`.
    modules = ["vitdet", "model"] if library == "mmdet" and backbone["type"] == "MM_LocalVim" else ["model"]
    lines = [
        f"# Backbone settings for LocalMamba's {VERSIONS[library]} code; merge into a config that defines the rest.",
        *remarks,
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


LOCALMAMBA = Exporter(
    "localmamba",
    "a model function and mmdet / mmseg backbone settings for LocalMamba's code",
    write,
    applies=applies,
    owns=owns,
)
