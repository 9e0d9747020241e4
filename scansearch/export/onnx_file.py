"""Exporter ``onnx``: the trained network as an ONNX file, for any number of images.

The scan is an operator ``Scan`` of ONNX, so that a file has as many nodes for 3,000 tokens as for 30.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from scansearch.errors import UnsupportedError
from scansearch.export.derived import DerivedNetwork, known_shape
from scansearch.export.exported_program import applies as applies_in_pytorch
from scansearch.export.exported_program import check_weights, recorded, scan_operator
from scansearch.export.exporter import Exporter
from scansearch.export.remarks import origin
from scansearch.files import write_bytes
from scansearch.lazy import torch

if TYPE_CHECKING:
    from onnx import ModelProto

PACKAGES = ("onnx", "onnxscript")


def write(network: DerivedNetwork, folder: Path) -> list[Path]:
    """Writes ``NAME.onnx``, opset 18: ``images`` (batch, C, H, W) to ``logits`` (batch, classes).

    Raises:
        ScansearchError: If a package is missing, the network cannot be built, or there are no weights.
    """
    _check_packages()
    check_weights(network)
    from scansearch.export.onnx_scan import OPSET, translations

    program, shape = recorded(network), known_shape(network)
    example = torch.zeros(2, shape.channels, shape.height, shape.width)
    with _silenced():
        made = torch.onnx.export(
            program,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: "batch"},),
            custom_translation_table=translations(scan_operator()),
            verbose=False,
        )
    assert made is not None  # dynamo=True gives a program
    path = folder / f"{network.name}.onnx"
    write_bytes(path, _named(made.model_proto, network).SerializeToString())
    return [path]


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """What the exporter of torch says of its own steps is nothing that a user could act on."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _named(model: ModelProto, network: DerivedNetwork) -> ModelProto:
    """The same with what it is in its metadata, which viewers show."""
    said = {"scansearch": " ".join(origin(network.genotype)), "trained": "yes" if network.trained else "no"}
    for key, value in said.items():
        model.metadata_props.add(key=key, value=value)
    return model


def applies(network: DerivedNetwork) -> str | None:
    """Why a network cannot be written, or ``None``."""
    try:
        _check_packages()
    except UnsupportedError as error:
        return str(error)
    return applies_in_pytorch(network)


def _check_packages() -> None:
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise UnsupportedError(f'ONNX files need {" and ".join(missing)}; pip install "scansearch[onnx]"')


ONNX = Exporter(
    "onnx", "the trained network as an ONNX file, opset 18, any number of images", write, applies, of_run=False
)
