"""What networks and specs of all families check, and say in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scansearch.errors import ScansearchError
from scansearch.lazy import torch
from scansearch.shape import ImageShape

if TYPE_CHECKING:
    from scansearch.models.selection import Selection


def check_layers(name: str, depth: int, directions: Sequence[Sequence[str]], setting: str = "depth") -> None:
    """Checks that there are directions for each of a network's ``depth`` layers, and each once.

    Raises:
        ScansearchError: If not; ``setting`` is the option that says how many layers there are.
    """
    check_depth(name, depth, directions, setting)
    for number, names in enumerate(directions):
        if not names or len(set(names)) < len(names):
            raise ScansearchError(
                f"a layer runs at least one direction and each once, but layer {number + 1} has: {', '.join(names) or 'none'}"
            )


def check_depth(name: str, depth: int, directions: Sequence[Sequence[str]], setting: str = "depth") -> None:
    """Checks that there is one list of directions a layer.

    Raises:
        ScansearchError: If there is not.
    """
    if len(directions) != depth:
        raise ScansearchError(
            f"{name} has {depth} layers, but directions for {len(directions)} were given; "
            f"give one list a layer, or change its {setting}"
        )


def check_images(images: torch.Tensor, shape: ImageShape, kind: torch.dtype) -> None:
    """Checks that images are of the size, channels and type that a network is for.

    Raises:
        ScansearchError: If they are not.
    """
    if images.ndim != 4 or tuple(images.shape[1:]) != (shape.channels, shape.height, shape.width):
        raise ScansearchError(
            f"this network takes images (B, {shape.channels}, {shape.height}, {shape.width}), but got {tuple(images.shape)}; for "
            "images of another height and width use the network that .at((height, width)) gives"
        )
    if images.dtype != kind and not (images.is_floating_point() and torch.is_autocast_enabled(images.device.type)):
        raise ScansearchError(
            f"images must have the dtype of the network's weights, {kind}, but got {images.dtype}; convert one of them "
            "with .to()"
        )


def one_a_layer(selections: Sequence[Selection] | None, layers: int) -> Sequence[Selection | None]:
    """The selection of each layer; ``None`` where all its branches run.

    Raises:
        ScansearchError: If the number of selections is not that of the layers.
    """
    if selections is not None and len(selections) != layers:
        raise ScansearchError(f"there must be one selection a layer ({layers}), but got {len(selections)}")
    return selections or [None] * layers
