"""Weights of a Vim under the names that they have in its code: those of ``h`` plain, those of ``h_flip`` with a ``b``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scansearch.errors import UnsupportedError

if TYPE_CHECKING:
    from torch import nn

KINDS = ("A_log", "D", "conv1d.weight", "conv1d.bias", "x_proj.weight", "dt_proj.weight", "dt_proj.bias")
BACKWARD = {"A_log": "A_b_log", "D": "D_b"}
"""Vim's names of what ``h_flip`` has; of the others, ``_b`` ends the part before the dot."""


def vim_names(network: nn.Module) -> dict[str, str]:
    """LocalMamba's names of the parameters that every direction of a network has its own of, and Vim's.

    Raises:
        UnsupportedError: If a layer has other directions than ``h`` and ``h_flip``, or the network is a supernet.
    """
    from scansearch.models.supernet import Supernet  # needs torch; what else a spec says does not

    if isinstance(network, Supernet):
        raise UnsupportedError(
            "Vim's code has no supernets, and so no names for the weights of one; derive a network first"
        )
    layers: Any = network.candidates
    found = {}
    for number, directions in enumerate(layers):
        if sorted(directions) != ["h", "h_flip"]:
            raise UnsupportedError(
                f"Vim's code has names for the weights of h and h_flip, but layer {number + 1} of this network scans along "
                f"{', '.join(directions)}; network.state_dict() has names of our own"
            )
        for place, direction in enumerate(directions):
            for kind in KINDS:
                found[f"layers.{number}.mixer.{_numbered(kind, place)}"] = (
                    f"layers.{number}.mixer.{_backward(kind) if direction == 'h_flip' else kind}"
                )
    return found


def as_local_vim(weights: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same weights under LocalMamba's names; ``None`` if they have not Vim's."""
    places = {_backward(kind): _numbered(kind, 1) for kind in KINDS} | {kind: _numbered(kind, 0) for kind in KINDS}
    if "layers.0.mixer.A_b_log" not in weights:
        return None
    found = {}
    for name, value in weights.items():
        layer = re.fullmatch(r"(layers\.\d+\.mixer\.)(.+)", str(name))
        found[layer[1] + places.get(layer[2], layer[2]) if layer else name] = value
    return found


def _numbered(kind: str, place: int) -> str:
    part, dot, rest = kind.partition(".")
    return f"{part}_{place}{dot}{rest}"


def _backward(kind: str) -> str:
    part, dot, rest = kind.partition(".")
    return BACKWARD.get(kind, f"{part}_b{dot}{rest}")
