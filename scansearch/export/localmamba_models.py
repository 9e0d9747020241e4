"""Which network of LocalMamba's code a genotype is for: all that it is comes from ``ModelSpec.official``, nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scansearch.errors import UnsupportedError
from scansearch.export.derived import DerivedNetwork, known_shape
from scansearch.models.genotype_fit import check_genotype
from scansearch.registry import MODELS
from scansearch.scans import ScanOrder
from scansearch.shape import ImageShape

CODE = "LocalMamba"
VIM, VSSM = "VisionMamba", "VSSM"
OTHERWISE = "export it in another form (`scansearch exporters` lists them), or build it with scansearch.build"


@dataclass(frozen=True)
class TheirModel:
    """A network of LocalMamba's code.

    Args:
        kind: Its class, ``VIM`` or ``VSSM``.
        settings: Arguments of that class which are not its defaults.
        shape: Images and classes.
        directions: A list a layer.
    """

    kind: str
    settings: dict[str, Any]
    shape: ImageShape
    directions: list[list[str]]

    @property
    def class_token(self) -> bool:
        """Whether a LocalVim reads a class token; it has no rotary embedding then."""
        return "if_cls_token" in self.settings

    def not_dense(self, library: str) -> str | None:
        """Why there are no settings for ``mmdet`` or ``mmseg``, or ``None``."""
        if self.shape.channels != 3:
            return f"its images have 3 channels, these {self.shape.channels}"
        if self.class_token:
            return "its backbone takes no class token"
        stride = 16 if self.kind == VIM else 4
        if library == "mmdet" and self.settings["patch_size"] != stride:
            return f"its anchors are for patches of {stride} pixels, these have {self.settings['patch_size']}"
        if library == "mmseg" and self.kind == VIM and len(self.directions) < 4:
            return "its head takes the outputs of four layers"
        if self.kind == VSSM and len(self.settings["depths"]) != 4:
            return "its heads take the outputs of four stages"
        return None


def model_of(network: DerivedNetwork) -> TheirModel:
    """LocalMamba's network for one of ours.

    Raises:
        ScansearchError: If its code has none that computes the same, or the genotype does not say enough.
    """
    genotype = network.genotype
    if genotype.model is None:
        raise UnsupportedError(
            "LocalMamba's files need the width of the network, but this genotype names no model; add one, such as "
            '"model": "local_vim_tiny", to its JSON, or export --to json'
        )
    if genotype.model not in MODELS:
        raise UnsupportedError(
            f"LocalMamba's code has LocalVim and LocalVMamba, and the model {genotype.model!r} of this genotype is not known here "
            "to be one of them; install the package that has it, or export --to json"
        )
    shape, spec = known_shape(network), network.spec
    check_genotype(genotype, spec, shape)
    official = spec.official(shape)
    if official is None or official.code != CODE:
        raise UnsupportedError(
            f"LocalMamba's code has LocalVim and LocalVMamba, but {spec.name!r} is another network; {OTHERWISE}"
        )
    unlike = [
        *official.unlike,
        *_windows(network, official.windows),
        *_shapes(official.name, shape, genotype.directions),
    ]
    if unlike:
        raise UnsupportedError(f"LocalMamba's code has {' and '.join(unlike)}, unlike this {spec.name}; {OTHERWISE}")
    return TheirModel(official.name, official.settings, shape, genotype.directions)


def _windows(network: DerivedNetwork, windows: str) -> Iterable[str]:
    """Its windows cross the edge of the grid, where ours end there."""
    layers = network.spec.layers(known_shape(network))
    differs = any(
        windows == "cut" and len(ScanOrder(name).indices(*layer.grid, padded=True)) != layer.grid[0] * layer.grid[1]
        for layer, names in zip(layers, network.genotype.directions, strict=True)
        for name in names
    )
    return ["windows that are filled up with zero tokens (windows=padded)"] if differs else []


def _shapes(kind: str, shape: ImageShape, directions: list[list[str]]) -> Iterable[str]:
    if shape.height == shape.width:
        return
    if kind == VIM:
        yield f"square images alone for LocalVim (these are {shape.height} x {shape.width})"
    elif any(name in ("v", "v_flip") for names in directions for name in names):
        yield f"another inverse of v on images that are not square (these are {shape.height} x {shape.width})"
