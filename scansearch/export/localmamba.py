"""Exporter ``localmamba``: a model function for classification, backbone settings for detection and segmentation.

LocalMamba registers a model by a decorated function whose name contains ``local_vim`` (lib/models/local_vim.py) or ``local_vssm``
(lib/models/local_vmamba.py), builds it by the name ``timm_`` + that name, and takes the directions as a list of K lists.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.export.derived import DerivedNetwork
from scansearch.export.exporter import Exporter
from scansearch.export.localmamba_models import VMAMBA_DEPTHS, VimModel, VMambaModel, model_of
from scansearch.export.template import python_text
from scansearch.files import write_text

if TYPE_CHECKING:
    from scansearch.genotype import Genotype

LOADABLE = re.compile(r"(h|v|w[1-9][0-9]*)(_flip)?")
VIM, VMAMBA = "local_vim", "local_vssm"
TEMPLATES = "scansearch.export"
LONGEST_NAME = 80  # characters: with its endings it must stay a file name
IMAGE_SIZES = {"mmdet": (1024, 1024), "mmseg": (512, 512)}  # of LocalMamba's own settings
VERSIONS = {"mmdet": "mmdet 3.3", "mmseg": "mmseg 1.2"}
OURS = re.compile(rf"({VIM}|{VMAMBA})[a-z0-9_]*_searched(_mmdet|_mmseg)?\.py")
OTHERWISE_IN_THEIRS = (
    "rms_norm and fused_add_norm are those of the classification model; LocalMamba's own files say False."
)
FIRST_LINE = re.compile(r"# (Paste into lib/models/|Backbone settings for LocalMamba's )")


def write(network: DerivedNetwork, folder: Path) -> list[Path]:
    """Writes the model function and the two backbone files.

    Raises:
        UnsupportedError: If a layer uses an order that LocalMamba's code does not know, or the model is not one of its own.
    """
    genotype = network.genotype
    check_loadable(genotype)
    model, name = model_of(network), function_name(genotype)
    files = {f"{name}.py": _classification(genotype, model, name)}
    files |= {f"{name}_{library}.py": _backbone(genotype, model, library) for library in VERSIONS}
    for file, text in files.items():
        write_text(folder / file, text)
    return [folder / file for file in files]


def applies(network: DerivedNetwork) -> str | None:
    """Why LocalMamba's code cannot have a network, or ``None`` if it can."""
    try:
        check_loadable(network.genotype)
        model_of(network)
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


def _classification(genotype: Genotype, model: VimModel | VMambaModel, name: str) -> str:
    if isinstance(model, VMambaModel):
        return python_text(TEMPLATES, "local_vmamba.py.jinja", name=name, model=model, directions=genotype.directions)
    found = {"shape": model.shape, "directions": genotype.directions, "remarks": _unlike_the_search(model)}
    return python_text(TEMPLATES, "local_vim.py.jinja", name=name, model=model, **found)


def _backbone(genotype: Genotype, model: VimModel | VMambaModel, library: str) -> str:
    return python_text(
        TEMPLATES,
        "backbone.py.jinja",
        library=VERSIONS[library],
        remarks=[*_unlike_the_search(model), OTHERWISE_IN_THEIRS] if isinstance(model, VimModel) else [],
        # Its detection settings for LocalVim take their neck from the module `vitdet`.
        modules=["vitdet", "model"] if library == "mmdet" and isinstance(model, VimModel) else ["model"],
        backbone=_vim(genotype, model, library) if isinstance(model, VimModel) else _vmamba(genotype, model),
    )


def _unlike_the_search(model: VimModel) -> list[str]:
    return [f"Not as in the search, because this code has no other: {phrase}." for phrase in model.unsaid]


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


LOCALMAMBA = Exporter(
    "localmamba",
    "a model function and mmdet / mmseg backbone settings for LocalMamba's code",
    write,
    applies=applies,
    owns=owns,
)
