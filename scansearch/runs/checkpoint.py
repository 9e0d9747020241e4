"""Checkpoints without pickle: one safetensors file each, written atomically, with its checksum in its name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from scansearch.errors import RunFolderError
from scansearch.files import open_regular, write_bytes
from scansearch.runs.safetensors_parts import parts_of
from scansearch.text import brief

NAME = re.compile(r"step-(\d{9})-([0-9a-f]{16})\.safetensors")
KEPT = 2
KINDS = ("tensor", "dict", "list", "tuple", "value")
BLOCK = 1 << 20


def pack(tree: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Takes the tensors out of nested dicts and lists, as they are; what is left is JSON. Dicts keep the type of their keys."""
    if isinstance(tree, torch.Tensor):
        name = f"t{len(tensors)}"
        tensors[name] = tree.detach()
        return {"tensor": name}
    if isinstance(tree, dict):
        if wrong := [key for key in tree if type(key) not in (int, str)]:
            raise TypeError(f"a dict of a checkpoint has keys that are integers or strings, but got {wrong[0]!r}")
        return {"dict": [[key, pack(value, tensors)] for key, value in tree.items()]}
    if isinstance(tree, (list, tuple)):
        return {"list" if isinstance(tree, list) else "tuple": [pack(value, tensors) for value in tree]}
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return {"value": tree}
    raise TypeError(f"a checkpoint holds tensors, numbers, strings, lists and dicts, but got {type(tree).__name__}")


def unpack(packed: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """The inverse of ``pack``, for a tree by anyone's hand; takes each tensor that it names out of ``tensors``.

    Raises:
        ValueError: If the tree is none that ``pack`` makes: of another kind, or a key or a tensor named twice.
    """
    if not isinstance(packed, dict) or len(packed) != 1:
        raise ValueError(f"a node of its tree is one of {', '.join(KINDS)}, but there is {brief(packed)}")
    ((kind, content),) = packed.items()
    if kind == "tensor":
        if not isinstance(content, str) or content not in tensors:  # two names of one tensor would share its memory
            raise ValueError(f"its tree names the tensor {brief(content)}, which is missing or was named before")
        return tensors.pop(content)
    if kind == "value":
        if content is not None and not isinstance(content, (bool, int, float, str)):
            raise ValueError(f"a value of its tree is a number, a text or nothing, but there is {brief(content)}")
        return content
    if kind not in KINDS or not isinstance(content, list):
        raise ValueError(f"a node of its tree is one of {', '.join(KINDS)}, but there is {brief(packed)}")
    if kind == "dict":
        return _dict(content, tensors)
    items = [unpack(value, tensors) for value in content]
    return items if kind == "list" else tuple(items)


def unpack_all(packed: Any, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    """A whole state: a dict, that has every tensor there is; errors as ``unpack``."""
    state, left = unpack(packed, tensors), next(iter(tensors), None)
    if left is not None:
        raise ValueError(f"its tree does not name the tensor {brief(left)}")
    if type(state) is not dict:
        raise ValueError(f"its tree is {brief(state)} and not a dict")
    return state


def _dict(content: list[Any], tensors: dict[str, torch.Tensor]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for item in content:
        if not isinstance(item, list) or len(item) != 2 or type(item[0]) not in (int, str) or item[0] in found:
            raise ValueError(
                f"a dict of its tree has pairs of a key, once each, and a value, but there is {brief(item)}"
            )
        found[item[0]] = unpack(item[1], tensors)
    return found


def save_checkpoint(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Writes the state of a run and drops all but the newest two checkpoints.

    Raises:
        RunFolderError: If the disk is full or cannot be written; the earlier checkpoints are then untouched.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = pack(state, tensors)
    found, told = hashlib.sha256(), {"tree": json.dumps(tree)}
    for part in parts_of(tensors, told):
        found.update(part)
    path = folder / f"step-{step:09d}-{found.hexdigest()[:16]}.safetensors"
    write_bytes(path, parts_of(tensors, told))
    drop_old(folder, path)
    return path


def drop_old(folder: Path, newest: Path) -> None:
    """Removes the checkpoints that ``newest`` and those before it make superfluous."""
    found = checkpoints(folder)
    for old in found[found.index(newest) + KEPT :]:
        old.unlink(missing_ok=True)


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, newest first."""
    found = [(NAME.fullmatch(path.name), path) for path in folder.glob("step-*.safetensors") if path.is_file()]
    return [path for _, path in sorted(((int(m[1]), p) for m, p in found if m), reverse=True)]


def load_checkpoint(folder: Path, warn: Callable[[str], None]) -> tuple[Path, dict[str, Any]] | None:
    """The newest undamaged checkpoint and its state, or ``None`` if nothing was saved yet.

    Args:
        folder: Folder of the checkpoints.
        warn: Told, in one line each, which damaged checkpoints were passed over.

    Raises:
        RunFolderError: If there are checkpoints and all are damaged; or the newest that is not is none that a run has written.
    """
    if (newest := newest_checkpoint(folder, warn)) is None and (found := checkpoints(folder)):
        raise RunFolderError(
            f"{folder}: all {len(found)} checkpoints are damaged; remove {folder.parent}, or take another folder, and start "
            "the run anew"
        )
    return newest


def newest_checkpoint(folder: Path, warn: Callable[[str], None]) -> tuple[Path, dict[str, Any]] | None:
    """The same, and ``None`` also if all are damaged."""
    for path in checkpoints(folder):
        try:
            intact = digest(path) == NAME.fullmatch(path.name)[2]  # type: ignore[index]
            reason = "its checksum is another"
        except OSError as error:
            intact, reason = False, str(error)
        if intact:
            return path, _read(path)
        warn(f"checkpoint {path.name} is damaged ({reason}); falling back to the one before it")
    return None


def digest(path: Path) -> str:
    """The checksum of a file, as checkpoints have it in their names."""
    found = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    """What a file with the right checksum holds; anyone can make one, so that nothing in it is taken for granted."""
    try:
        with safe_open(path, framework="pt") as file:
            tree = json.loads((file.metadata() or {}).get("tree", "null"))
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        state = unpack_all(tree, tensors)
    except MemoryError:
        raise
    except Exception as error:  # a file by anyone's hand: there is no telling what its readers stumble over
        raise RunFolderError(
            f"{path}: no run has written this checkpoint: {' '.join(str(error).split())}; remove it to go on from the one before"
        ) from error
    return state
