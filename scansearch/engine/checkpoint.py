"""Checkpoints without pickle: one safetensors file each, written atomically, with its checksum in its name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from scansearch.errors import RunFolderError
from scansearch.files import write_bytes

NAME = re.compile(r"step-(\d{9})-([0-9a-f]{16})\.safetensors")
KEPT = 2


def pack(tree: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Takes the tensors out of nested dicts and lists; what is left is JSON. Dicts keep the type of their keys."""
    if isinstance(tree, torch.Tensor):
        name = f"t{len(tensors)}"
        tensors[name] = tree.detach().to("cpu", copy=True).contiguous()
        return {"tensor": name}
    if isinstance(tree, dict):
        return {"dict": [[key, pack(value, tensors)] for key, value in tree.items()]}
    if isinstance(tree, (list, tuple)):
        return {"list" if isinstance(tree, list) else "tuple": [pack(value, tensors) for value in tree]}
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return {"value": tree}
    raise TypeError(f"a checkpoint holds tensors, numbers, strings, lists and dicts, but got {type(tree).__name__}")


def unpack(packed: dict[str, Any], tensor: Callable[[str], torch.Tensor]) -> Any:
    """The inverse of ``pack``."""
    ((kind, content),) = packed.items()
    if kind == "tensor":
        return tensor(content)
    if kind == "dict":
        return {key: unpack(value, tensor) for key, value in content}
    if kind in ("list", "tuple"):
        items = [unpack(value, tensor) for value in content]
        return items if kind == "list" else tuple(items)
    return content


def save_checkpoint(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Writes the state of a run and drops all but the newest two checkpoints.

    Raises:
        RunFolderError: If the disk is full or cannot be written; the earlier checkpoints are then untouched.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = pack(state, tensors)
    data = save(tensors, metadata={"tree": json.dumps(tree)})
    path = folder / f"step-{step:09d}-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
    write_bytes(path, data)
    for old in checkpoints(folder):
        if old != path and old not in checkpoints(folder)[:KEPT]:
            old.unlink(missing_ok=True)
    return path


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, newest first."""
    found = [(NAME.fullmatch(path.name), path) for path in folder.glob("step-*.safetensors")]
    return [path for _, path in sorted(((int(m[1]), p) for m, p in found if m), reverse=True)]


def load_checkpoint(folder: Path, warn: Callable[[str], None]) -> dict[str, Any] | None:
    """The newest undamaged state, or ``None`` if nothing was saved yet.

    Args:
        folder: Folder of the checkpoints.
        warn: Told, in one line each, which damaged checkpoints were passed over.

    Raises:
        RunFolderError: If there are checkpoints and all are damaged.
    """
    found = checkpoints(folder)
    for path in found:
        try:
            return _read(path)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            warn(f"checkpoint {path.name} is damaged ({error}); falling back to the one before it")
    if found:
        raise RunFolderError(
            f"{folder}: all {len(found)} checkpoints are damaged; start the run anew in another folder"
        )
    return None


def _read(path: Path) -> dict[str, Any]:
    match = NAME.fullmatch(path.name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    if match is None or digest != match[2]:
        raise ValueError(f"its checksum is {digest}")
    with safe_open(path, framework="pt") as file:
        return dict(unpack(json.loads(file.metadata()["tree"]), file.get_tensor))
