"""Weights from files of other code: safetensors, or what ``torch.save`` writes of tensors and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from scansearch.errors import ScansearchError
from scansearch.files import open_regular
from scansearch.runs.weights_file import NetworkFacts, read_network_file

INSIDE = ("state_dict", "model", "ema_model", "state_dict_ema")
"""Under what published code keeps the weights in its files, in the order in which they are looked for."""
WRAPPED = "module."
"""What a wrapper for several processes puts before every name."""


def read_tensors(path: Path) -> tuple[NetworkFacts | None, dict[str, torch.Tensor]]:
    """Weights by name, on the CPU, and what the file says of their network, if it is one of ours.

    Raises:
        ScansearchError: If the file cannot be read, holds more than tensors, or no weights.
    """
    if path.suffix == ".safetensors":
        facts, tensors = read_network_file(path)
    else:
        facts, tensors = None, _weights_in(_unpickled(path), path)
    named = {name.removeprefix(WRAPPED): tensor for name, tensor in tensors.items()}
    return facts, named


def _unpickled(path: Path) -> Any:
    try:
        with open_regular(path) as file:
            return torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ScansearchError(f"{path}: cannot read these weights: {(error.strerror or str(error)).lower()}") from error
    except MemoryError:
        raise
    except Exception as error:  # a file by anyone's hand: there is no telling what its readers stumble over
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ScansearchError(
            f"{path}: only files of tensors are read, since any other may run code, but this is none ({reason[:200]}); save its "
            "state dict alone, with torch.save or as safetensors"
        ) from error


def _weights_in(found: Any, path: Path) -> dict[str, torch.Tensor]:
    places = [found, *(found[key] for key in INSIDE if key in found)] if isinstance(found, Mapping) else []
    for place in places:
        if isinstance(place, Mapping) and place and all(isinstance(value, torch.Tensor) for value in place.values()):
            return {str(name): tensor for name, tensor in place.items()}
    raise ScansearchError(
        f"{path}: weights are a dict of tensors, or lie under one of {', '.join(INSIDE)}; save them so"
    )
