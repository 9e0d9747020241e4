"""Exporter ``plain``: the network in one file of plain PyTorch, which needs nothing of this package.

The file is filled in from a template for each class of networks in published code: whoever is told by ``ModelSpec.official`` to be
such a class comes out as one.
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
from scansearch.scans import ScanOrder

if TYPE_CHECKING:
    from scansearch.models import Official

TEMPLATES = {("LocalMamba", "VisionMamba"): "plain_local_vim.py.jinja"}
"""Of the networks that published code has, by code base and class."""
ONLY = {"flips": "patches", "merge": "sum", "inverses": "exact", "partial_patches": "refused"}
"""Options of Vim and of released weights that the file does not have."""
WRITTEN_OUT = re.compile(r"(h|v|w[1-9][0-9]*)(_flip)?")
"""Scan orders that the files compute; of others they hold a table."""


def write(network: DerivedNetwork, folder: Path) -> list[Path]:
    """Writes ``NAME.py``, and ``NAME.pt`` with the weights if there are any.

    Raises:
        ScansearchError: If there is no such file for the model, or the genotype does not say enough.
    """
    template, official = _form(network)
    paths = [folder / f"{network.name}.py"]
    text = python_text("scansearch.export", template, **_values(network, official))
    write_text(paths[0], text)
    if network.weights is not None:
        paths.append(_write_weights(network, folder / f"{network.name}.pt"))
    return paths


def applies(network: DerivedNetwork) -> str | None:
    """Why there is no such file for a network, or ``None``."""
    try:
        _form(network)
    except ScansearchError as error:
        return str(error)
    return None


def _form(network: DerivedNetwork) -> tuple[str, Official]:
    shape, spec = known_shape(network), network.spec
    network.genotype.check_layers(len(spec.layers(shape)), spec.name)
    official = spec.official(shape)
    if official is None or (official.code, official.name) not in TEMPLATES:
        raise UnsupportedError(
            f"there is no plain PyTorch file for {spec.name!r}, only for {', '.join(f'{name} of {code}' for code, name in TEMPLATES)}; "
            "export --to torch_export, or build it with scansearch.build"
        )
    options: Any = spec.options
    if other := [f"{name}={getattr(options, name)}" for name, only in ONLY.items() if getattr(options, name) != only]:
        raise UnsupportedError(
            f"the plain PyTorch file has no {', '.join(other)}; export --to torch_export, or build it with scansearch.build"
        )
    return TEMPLATES[official.code, official.name], official


def _values(network: DerivedNetwork, official: Official) -> dict[str, Any]:
    options: Any = network.spec.options
    said = "WEIGHTS are initial ones: this network was not trained." if not network.trained else None
    return {
        "name": network.name,
        "remarks": [*origin(network.genotype), *([said] if said else [])],
        "shape": known_shape(network),
        "options": options,
        "patch": official.settings["patch_size"],
        "reduced": max(1, options.inner // options.reduction),
        "class_token": options.class_token == "middle",
        "spatial": options.attention == "channel_spatial",
        "padded": options.windows == "padded",
        "directions": network.genotype.directions,
        "tables": _tables(network, options.windows == "padded"),
        "weights": network.weights is not None,
    }


def _tables(network: DerivedNetwork, padded: bool) -> dict[str, list[str]]:
    """Scan orders that the file does not compute: numbers, wrapped to lines."""
    grid = network.spec.layers(known_shape(network))[0].grid
    names = dict.fromkeys(name for names in network.genotype.directions for name in names)
    orders = {n: ScanOrder(n).indices(*grid, padded=padded) for n in names if not WRITTEN_OUT.fullmatch(n)}
    return {name: textwrap.wrap(", ".join(map(str, order.tolist())), 110) for name, order in orders.items()}


def _write_weights(network: DerivedNetwork, path: Path) -> Path:
    import io

    import torch

    from scansearch.files import write_bytes

    weights = {
        name: value.contiguous().clone() for name, value in network.spec.official_state_dict(network.build()).items()
    }
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    write_bytes(path, buffer.getvalue())
    return path


PLAIN = Exporter("plain", "the network in one file of plain PyTorch, with its weights", write, applies, of_run=False)
