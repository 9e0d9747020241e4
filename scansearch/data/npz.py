"""NumPy archives (.npz): your own arrays, without pickles."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.dataset import DatasetSpec
from scansearch.data.npz_archive import list_arrays, read_arrays
from scansearch.data.npz_images import CHANNEL_AXIS, channel_axis, to_pixels
from scansearch.data.parts import Parts
from scansearch.data.roots import check_root, list_folder
from scansearch.data.splits import TensorSplit
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

ARRAYS = "train_images and train_labels (and val_..., test_... if there are), or images and labels"
PREFIXES = {
    "train": ("train_", ""),
    "validation": ("val_", "valid_", "validation_"),
    "test": ("test_",),
}


def read_npz(root: Path | None) -> Parts:
    """Reads an archive with the arrays ``train_images``, ``train_labels`` and so on, or ``images`` and ``labels``.

    Images of uint8 stay bytes, and bool becomes 0 and 255; all other numbers become float32 and are taken as they are.
    Labels are integers 0, 1, 2, ... of shape (n,) or (n, 1).

    Args:
        root: The archive, or a folder that holds just one.

    Raises:
        ScansearchError: If there is no archive, it is damaged, or its arrays have other names, types or shapes.
    """
    if root is None:
        raise ScansearchError(f"npz needs --data-root: an .npz archive with the arrays {ARRAYS}")
    path = _find_archive(root)
    names = list_arrays(path)
    prefixes = _prefixes(names, path)
    wanted = [f"{prefix}{kind}" for prefix in prefixes.values() for kind in ("images", "labels")]
    arrays = read_arrays(path, [*wanted, *({CHANNEL_AXIS} & set(names))])
    axis, notes = channel_axis(arrays[wanted[0]], arrays.pop(CHANNEL_AXIS, None), wanted[0], path)
    _check_types(arrays, wanted[::2], path)
    splits: dict[str, Any] = {role: _make_split(arrays, prefix, axis, path) for role, prefix in prefixes.items()}
    num_classes = _count_classes(splits["train"], path)
    if unused := [name for name in names if name not in (*wanted, CHANNEL_AXIS)]:
        notes += (f"{path}: not used are the arrays {', '.join(unused)}",)
    return Parts(class_names=tuple(str(number) for number in range(num_classes)), **splits, notes=notes)


def _find_archive(root: Path) -> Path:
    if os.path.exists(root) and not os.path.isdir(root):
        return root
    archives = [path for path in list_folder(check_root(root, "npz")) if path.suffix == ".npz" and os.path.isfile(path)]
    if len(archives) != 1:
        found = ", ".join(path.name for path in archives) or "none"
        raise ScansearchError(
            f"npz: {root} must hold one .npz archive, but holds {found}; give the file as --data-root"
        )
    return archives[0]


def _prefixes(names: list[str], path: Path) -> dict[str, str]:
    """The prefix of each role there is."""
    found = {}
    for role, prefixes in PREFIXES.items():
        given = [prefix for prefix in prefixes if {f"{prefix}images", f"{prefix}labels"} & set(names)]
        if len(given) > 1:
            both = " and ".join(f"{prefix}images" for prefix in given)
            raise ScansearchError(
                f"{path} must name the {role} images in one way, but has both {both} (or their labels); take one out"
            )
        if given:
            found[role] = given[0]
    if "train" not in found:
        raise ScansearchError(f"{path} must hold {ARRAYS}, but holds {', '.join(names) or 'nothing'}")
    for prefix in found.values():
        if missing := [name for name in (f"{prefix}images", f"{prefix}labels") if name not in names]:
            raise ScansearchError(
                f"{path} must hold {prefix}images and {prefix}labels together, but has no {missing[0]}"
            )
    return found


def _check_types(arrays: dict[str, np.ndarray], names: list[str], path: Path) -> None:
    first, *others = names
    for name in others:
        if arrays[name].dtype != arrays[first].dtype:
            raise ScansearchError(
                f"{path}: images of all parts must have one type, since they are normalised alike, but {first} is "
                f"{arrays[first].dtype} and {name} is {arrays[name].dtype}; convert one"
            )


def _make_split(arrays: dict[str, np.ndarray], prefix: str, axis: int, path: Path) -> TensorSplit:
    names = f"{prefix}images", f"{prefix}labels"
    # Taken out of the dictionary: what was read may be freed as soon as it was converted.
    images = to_pixels(arrays.pop(names[0]), axis, names[0], path)
    labels = _check_labels(arrays.pop(names[1]), names[1], path)
    if len(images) != len(labels):
        raise ScansearchError(
            f"{path}: there must be a label for each image, but {names[0]} has {len(images)} and "
            f"{names[1]} {len(labels)}"
        )
    return TensorSplit(torch.from_numpy(images), torch.from_numpy(labels))


def _check_labels(labels: np.ndarray, name: str, path: Path) -> np.ndarray:
    if labels.dtype.kind not in "iu":
        raise ScansearchError(f"{path}: labels must be integers, but {name} is {labels.dtype}; save the class numbers")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ScansearchError(f"{path}: labels must have the shape (n,) or (n, 1), but {name} has {labels.shape}")
    if labels.size and int(labels.max()) >= 2**63:
        raise ScansearchError(
            f"{path}: labels must be below 2**63, but {name} holds {labels.max()}; renumber the classes"
        )
    return labels.astype(np.int64)


def _count_classes(train: TensorSplit, path: Path) -> int:
    present = torch.unique(train.labels).tolist()
    if present != list(range(len(present))):
        gap = next(number for number, label in enumerate(present) if number != label)
        raise ScansearchError(
            f"{path}: the training labels must be 0, 1, 2, ... without a gap, but {gap} is missing and "
            f"{present[gap]} is there; renumber the classes"
        )
    return len(present)


NPZ = DatasetSpec(
    name="npz",
    description="your own arrays in a NumPy archive",
    read=read_npz,
    where=f"--data-root: an .npz archive with the arrays {ARRAYS}",
    # Nothing is known about these images, so nothing may be mirrored.
    augment=AugmentSettings(shift=0.125),
)
