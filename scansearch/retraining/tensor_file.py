"""The weights of a trained network: a file of ours, which says what network it is of, or a checkpoint of other code."""

from __future__ import annotations

from pathlib import Path

import torch

from scansearch.errors import ScansearchError
from scansearch.models.weight_files import read_parts, unwrapped
from scansearch.runs.weights_file import NetworkFacts, read_network_file

INSIDE = ("state_dict", "model", "ema_model", "state_dict_ema")
"""Under what published code keeps the weights in its files, in the order in which they are looked for."""


def read_tensors(path: Path) -> tuple[NetworkFacts | None, dict[str, torch.Tensor]]:
    """Weights by name, on the CPU, and what the file says of their network, if it is one of ours.

    Raises:
        ScansearchError: If the file cannot be read, holds more than tensors, or no weights.
    """
    if path.suffix == ".safetensors":
        facts, tensors = read_network_file(path)
        return facts, unwrapped(tensors)
    parts = read_parts(path)
    found = next((parts[place] for place in (None, *INSIDE) if place in parts), None)
    if found is None:
        raise ScansearchError(
            f"{path}: weights are a dict of tensors, or lie under one of {', '.join(INSIDE)}; save them so"
        )
    return None, found
