"""Weights out of files: safetensors, or what ``torch.save`` wrote, as far as that holds nothing but tensors and plain values."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from scansearch.arguments import typed
from scansearch.errors import ScansearchError
from scansearch.files import check_file

WRAPPER = "module."
"""Before every name, if a network was saved inside of another (data parallel, moving averages)."""


@typed
def read_weights(path: str | Path, *, part: str | None = None) -> dict[str, torch.Tensor]:
    """Weights by name, on the CPU, from a safetensors file or a checkpoint of ``torch.save``.

    A checkpoint is read by torch's ``weights_only`` reader, which runs no code. The weights may stand in a part of it, such as
    ``state_dict`` or ``model``.

    Args:
        path: The file; it is safetensors if its name ends so.
        part: Which part, if several hold weights, as ``model`` and ``ema_model`` of LocalMamba's training checkpoints.

    Raises:
        ScansearchError: If there is no such file or part, it is damaged, or it is a pickle of more than tensors.
    """
    file = Path(path)
    parts = read_parts(file)
    if part is None and None in parts:
        return parts[None]
    named = {name: weights for name, weights in parts.items() if name is not None}
    if part is None and len(named) == 1:
        return next(iter(named.values()))
    if part in named:
        return named[part]
    if not named:
        raise ScansearchError(f"{file} holds no weights: no tensors by name, and no part that has such")
    rule = f"has no weights as its part {part!r}" if part else "has several parts that are weights"
    raise ScansearchError(f"{file} {rule}; name one of them by part= (there is: {', '.join(named)})")


def read_parts(file: Path) -> dict[str | None, dict[str, torch.Tensor]]:
    """What of a file are weights: under ``None`` the file itself, or else each of its parts that is; errors as ``read_weights``."""
    try:
        check_file(file)
        content = _safetensors(file) if file.suffix == ".safetensors" else _checkpoint(file)
    except OSError as error:
        raise ScansearchError(f"{file}: cannot read these weights: {(error.strerror or str(error)).lower()}") from error
    if _are_weights(content):
        return {None: unwrapped(content)}
    parts = content.items() if isinstance(content, dict) else ()
    return {str(name): unwrapped(value) for name, value in parts if _are_weights(value)}


def unwrapped(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights by their names in the network itself, if it was saved inside of another."""
    inside = all(name.startswith(WRAPPER) for name in weights)
    return {name.removeprefix(WRAPPER) if inside else name: value for name, value in weights.items()}


def _safetensors(file: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        raise ScansearchError(f"{file} is no safetensors file, or it is damaged ({error}); fetch it again") from error


def _checkpoint(file: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can make torch raise anything
        if (
            isinstance(error, OSError) and error.errno != errno.EINVAL
        ):  # as when it looks for a place before the file's beginning
            raise
        if found := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise ScansearchError(
                f"{file} holds more than tensors ({found[1]}), but only files of tensors are read, since any other may run code; where you "
                "trust it, save its state dict alone, as safetensors or by torch.save"
            ) from error
        raise ScansearchError(  # torch's own message advises to open the file without its safe reader
            f"{file} is no checkpoint of tensors and plain values by torch.save, and only files of tensors are read; or it is damaged; "
            "fetch it again"
        ) from error


def _are_weights(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items())
    )
