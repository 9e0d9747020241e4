"""Which network of LocalMamba's code a genotype is for: its sizes are those that were searched, never a default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scansearch.errors import UnsupportedError
from scansearch.export.derived import DerivedNetwork
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

if TYPE_CHECKING:
    from scansearch.genotype import Genotype
    from scansearch.models import Official

CODE, VIM_CLASS = "LocalMamba", "VisionMamba"
VMAMBA_DEPTHS = {"vmamba_tiny": (2, 2, 9, 2), "local_vmamba_tiny": (2, 2, 9, 2), "local_vmamba_small": (2, 2, 27, 2)}
JSON_HINT = "export --to json always works"


@dataclass(frozen=True)
class VMambaModel:
    """A LocalVMamba: the depths of its four stages; width and state are the same in all published ones."""

    depths: tuple[int, ...]


@dataclass(frozen=True)
class VimModel:
    """A LocalVim.

    Args:
        settings: Arguments of its class: ``patch_size``, ``embed_dim``, ``depth``, and ``ssm_cfg`` where the mixer is not its own.
        shape: Images and classes of the search, if they are known.
        unsaid: What LocalMamba's code does otherwise than the network that was searched, a phrase each.
    """

    settings: dict[str, Any]
    shape: ImageShape | None
    unsaid: tuple[str, ...] = ()


def model_of(network: DerivedNetwork) -> VimModel | VMambaModel:
    """LocalMamba's network for one of ours.

    Raises:
        UnsupportedError: If its code has none, or the genotype does not say enough.
    """
    genotype = network.genotype
    name, layers = genotype.model, len(genotype.layers)
    if name is None:
        raise UnsupportedError(
            "LocalMamba's files need the width of the network, but this genotype names no model; add one, such as "
            f'"model": "local_vim_tiny", to its JSON ({JSON_HINT})'
        )
    if name in VMAMBA_DEPTHS:
        return _vmamba(name, genotype)
    official = _official(name, network)
    if official.name != VIM_CLASS:
        raise UnsupportedError(
            f"of LocalVMamba there are files in the sizes {', '.join(VMAMBA_DEPTHS)} only, but this genotype is for {name!r}; build it "
            f"with scansearch.build ({JSON_HINT})"
        )
    if official.settings["depth"] != layers:
        raise UnsupportedError(
            f"{name} with these options has {official.settings['depth']} layers, but this genotype has {layers}; add its depth "
            f"to the genotype's options ({JSON_HINT})"
        )
    return VimModel(official.settings, _square(genotype.shape), _unsaid(official, genotype))


def _vmamba(name: str, genotype: Genotype) -> VMambaModel:
    depths, stages = VMAMBA_DEPTHS[name], [layer.stage for layer in genotype.layers]
    wanted = [stage for stage, depth in enumerate(depths) for _ in range(depth)]
    if stages not in (wanted, [0] * len(wanted)):  # a list of lists has no stages
        raise UnsupportedError(
            f"LocalMamba's {name} has stages of {', '.join(map(str, depths))} layers, but the {len(stages)} layers of this "
            f"genotype are others; search a model of that shape ({JSON_HINT})"
        )
    return VMambaModel(depths)


def _official(name: str, network: DerivedNetwork) -> Official:
    """What the model of a genotype is in LocalMamba's code."""
    if name not in MODELS:
        raise UnsupportedError(
            f"LocalMamba's code has LocalVim and LocalVMamba, and the model {name!r} of this genotype is not known here to be "
            f"one of them; install the package that has it ({JSON_HINT})"
        )
    try:
        official = network.spec.official(network.shape)
    except UnsupportedError as error:
        raise UnsupportedError(f"{error} ({JSON_HINT})") from error
    if official is None or official.code != CODE:
        raise UnsupportedError(
            f"LocalMamba's code has LocalVim and LocalVMamba, but {name!r} is another network; build it with "
            f"scansearch.build ({JSON_HINT})"
        )
    return official


def _square(shape: ImageShape | None) -> ImageShape | None:
    if shape is not None and shape.height != shape.width:
        raise UnsupportedError(
            f"LocalMamba's LocalVim takes square images, but this genotype was searched on {shape.height} x {shape.width}; "
            f"build it with scansearch.build ({JSON_HINT})"
        )
    return shape


def _unsaid(official: Official, genotype: Genotype) -> tuple[str, ...]:
    windows = {int(n.removesuffix("_flip")[1:]) for layer in genotype.directions for n in layer if n[0] == "w"}
    grids = [layer.grid for layer in genotype.layers if layer.grid]
    if official.windows == "cut" and any(side % size for size in windows for grid in grids for side in grid):
        return (*official.unlike, "windows filled up with zero tokens at the edge of the grid")
    return official.unlike
