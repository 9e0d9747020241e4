"""Exporter ``plain``: the network in one file of plain PyTorch, which needs nothing of this package.

The file is filled in from a template for each family: whatever is a network of just that family comes out as one.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.export.derived import DerivedNetwork, known_shape
from scansearch.export.exporter import Exporter
from scansearch.export.remarks import origin
from scansearch.export.template import python_text
from scansearch.files import write_text
from scansearch.models.genotype_fit import check_genotype
from scansearch.models.local_vim import LocalVimSpec
from scansearch.models.local_vmamba import LocalVMambaSpec
from scansearch.models.official_names import renamed_state_dict
from scansearch.models.vim import VimSpec
from scansearch.models.vmamba import VMambaSpec
from scansearch.scans import ScanOrder

if TYPE_CHECKING:
    from torch import Tensor

    from scansearch.models import ModelSpec

TEMPLATES: dict[type[ModelSpec], str] = {
    LocalVimSpec: "plain_local_vim.py.jinja",
    VimSpec: "plain_local_vim.py.jinja",
    LocalVMambaSpec: "plain_local_vmamba.py.jinja",
    VMambaSpec: "plain_vmamba.py.jinja",
}
"""Of a family; a class derived from one may compute something else."""
KNOWN = {
    *("embed_dim", "depth", "depths", "d_state", "expand", "dt_rank", "d_conv", "mlp_ratio", "patch_size", "drop_path"),
    *("attention", "reduction", "windows", "inverses", "class_token", "flips", "merge", "partial_patches"),
    *("mixture", "scan_backend", "init", "decay_positions"),  # they change nothing in a network that computes
}
"""Options that the files take into account."""
WRITTEN_OUT = re.compile(r"(h|v|w[1-9][0-9]*)(_flip)?")
"""Scan orders that the files compute; of others they hold a table."""


def write(network: DerivedNetwork, folder: Path) -> list[Path]:
    """Writes ``NAME.py``, and ``NAME.pt`` with the weights if there are any.

    Raises:
        ScansearchError: If there is no such file for the model, or the genotype does not say enough.
    """
    template = _template(network)
    paths = [folder / f"{network.name}.py"]
    write_text(paths[0], python_text("scansearch.export", template, **_values(network)))
    if network.weights is not None:
        paths.append(_write_weights(network, folder / f"{network.name}.pt"))
    return paths


def applies(network: DerivedNetwork) -> str | None:
    """Why there is no such file for a network, or ``None``."""
    try:
        _template(network)
    except ScansearchError as error:
        return str(error)
    return None


def _template(network: DerivedNetwork) -> str:
    shape, spec = known_shape(network), network.spec
    check_genotype(network.genotype, spec, shape)
    instead = "export --to torch_export, or build it with scansearch.build"
    if type(spec) not in TEMPLATES:
        raise UnsupportedError(
            f"there is no plain PyTorch file for {spec.name!r}, only for LocalVim, Vim, LocalVMamba and VMamba; {instead}"
        )
    if shape.dense:
        raise UnsupportedError(f"the plain PyTorch file has no head for a class of every pixel; {instead}")
    fields = type(spec.options).model_fields
    values = {name: value for name, value in spec.options if name not in KNOWN and value != fields[name].default}
    if values:
        raise UnsupportedError(
            f"the plain PyTorch file has no {', '.join(f'{name}={value}' for name, value in values.items())}; {instead}"
        )
    return TEMPLATES[type(spec)]


def _values(network: DerivedNetwork) -> dict[str, Any]:
    from scansearch.models.order_tables import is_backwards, is_misplaced  # needs torch; a listing does not

    shape, spec, directions = known_shape(network), network.spec, network.genotype.directions
    options: Any = spec.options
    grids = list(dict.fromkeys((info.stage, info.grid) for info in spec.layers(shape)))
    names = list(dict.fromkeys(name for names in directions for name in names))
    patch = options.patch(shape.size)
    class_token = getattr(options, "class_token", "none") == "middle"
    said = "WEIGHTS are initial ones: this network was not trained." if not network.trained else None
    return {
        "name": network.name,
        "code": _code(network),
        "remarks": [*origin(network.genotype), *([said] if said else [])],
        "shape": shape,
        "options": options,
        "patch": patch,
        "partial": shape.height % patch or shape.width % patch,
        "grids": [grid for _, grid in grids],
        "gated": not isinstance(spec, VMambaSpec),
        "strides": options.strides(shape.size) if isinstance(spec, VMambaSpec) else None,
        "class_token": class_token,
        "padded": options.windows == "padded",
        "directions": directions,
        "backwards": [n for n in names if is_backwards(n)] if class_token and options.flips == "sequence" else [],
        "misplaced": [n for n in names if is_misplaced(n)] if options.inverses == "released" else [],
        "tables": _tables(network),
        "weights": network.weights is not None,
    }


def _code(network: DerivedNetwork) -> str:
    """The code whose names the weights have; Vim's own has names for those of its two directions alone."""
    if isinstance(network.spec, VimSpec) and all(sorted(n) == ["h", "h_flip"] for n in network.genotype.directions):
        return "Vim"
    official = network.spec.official(network.shape)
    assert official is not None  # of these families
    return official.code


def _tables(network: DerivedNetwork) -> dict[tuple[str, tuple[int, int]], list[str]]:
    """Scan orders that the file does not compute, by direction and grid: numbers, wrapped to lines."""
    options: Any = network.spec.options
    infos = network.spec.layers(known_shape(network))
    needed = dict.fromkeys(
        (name, info.grid)
        for info, names in zip(infos, network.genotype.directions, strict=True)
        for name in names
        if not WRITTEN_OUT.fullmatch(name)
    )
    orders = {(name, grid): ScanOrder(name).indices(*grid, padded=options.windows == "padded") for name, grid in needed}
    lines = {key: textwrap.wrap(", ".join(map(str, order.tolist())), 110) for key, order in orders.items()}
    return {key: [line.removesuffix(",") for line in wrapped] for key, wrapped in lines.items()}


def _write_weights(network: DerivedNetwork, path: Path) -> Path:
    import io

    import torch

    from scansearch.files import write_bytes

    weights = {name: value.contiguous().clone() for name, value in _named(network).items()}
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    write_bytes(path, buffer.getvalue())
    return path


def _named(network: DerivedNetwork) -> dict[str, Tensor]:
    spec: Any = network.spec
    if isinstance(spec, VimSpec) and _code(network) != "Vim":
        return renamed_state_dict(network.build(), spec.published)
    named: dict[str, Tensor] = spec.official_state_dict(network.build())
    return named


PLAIN = Exporter("plain", "the network in one file of plain PyTorch, with its weights", write, applies, of_run=False)
