"""NumPy archives (.npz): your own arrays, without pickles."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.base import DatasetSpec, Parts
from scansearch.data.roots import check_root, list_folder
from scansearch.data.splits import TensorSplit
from scansearch.errors import ScansearchError

MOST_CHANNELS = 4
ARRAYS = "train_images and train_labels (and val_..., test_... if there are), or images and labels"
SHAPES = "(n, H, W), (n, H, W, C) or (n, C, H, W) with at most 4 channels"


def read_npz(root: Path | None) -> Parts:
    """Reads an archive with the arrays ``train_images``, ``train_labels`` and so on, or ``images`` and ``labels``.

    Images are uint8. Three axes are (n, H, W), one channel. Of four axes, the last is the channels if its length is at
    most 4, otherwise the second is. Labels are integers 0, 1, 2, ... of shape (n,) or (n, 1).

    Args:
        root: The archive, or a folder that holds just one.

    Raises:
        ScansearchError: If there is no archive, it is damaged, or its arrays have other names, types or shapes.
    """
    if root is None:
        raise ScansearchError(f"npz needs --data-root: an .npz archive with the arrays {ARRAYS}")
    path = _find_archive(root)
    arrays = _read_arrays(path)
    splits = {role: _make_split(arrays, prefix, path) for prefix, role in _prefixes(arrays, path).items()}
    num_classes = _count_classes(splits["train"], path)
    return Parts(class_names=tuple(str(number) for number in range(num_classes)), **splits)


def _find_archive(root: Path) -> Path:
    if root.is_file():
        return root
    archives = [path for path in list_folder(check_root(root, "npz")) if path.suffix == ".npz"]
    if len(archives) != 1:
        found = ", ".join(path.name for path in archives) or "none"
        raise ScansearchError(
            f"npz: {root} must hold one .npz archive, but holds {found}; give the file as --data-root"
        )
    return archives[0]


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        # Opened as a zip archive first: np.load alone would also take a bare .npy file, or suggest to allow pickles.
        with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as archive:
            wanted = [name for name in archive.files if name.endswith(("images", "labels"))]
            return {name: archive[name] for name in wanted}
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ScansearchError(
            f"{path} is no .npz archive, or a damaged one ({error}); write it with np.savez"
        ) from None
    except (ValueError, SyntaxError, KeyError, NotImplementedError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ScansearchError(f"{path} must hold plain arrays of numbers, but one cannot be read ({reason})") from None
    except MemoryError:
        raise ScansearchError(f"{path} does not fit into memory, or a damaged header says so") from None
    except OSError as error:
        raise ScansearchError(f"{path} cannot be read: {error.strerror or error}") from None


def _prefixes(arrays: dict[str, np.ndarray], path: Path) -> dict[str, str]:
    train = next((prefix for prefix in ("train_", "") if f"{prefix}images" in arrays), None)
    if train is None:
        raise ScansearchError(f"{path} must hold {ARRAYS}, but holds {', '.join(arrays) or 'neither'}")
    others = {"val_": "validation", "test_": "test"}
    given = {prefix: role for prefix, role in others.items() if {f"{prefix}images", f"{prefix}labels"} & arrays.keys()}
    return {train: "train", **given}


def _make_split(arrays: dict[str, np.ndarray], prefix: str, path: Path) -> TensorSplit:
    names = f"{prefix}images", f"{prefix}labels"
    missing = [name for name in names if name not in arrays]
    if missing:
        raise ScansearchError(f"{path} must hold {names[0]} and {names[1]} together, but has no {missing[0]}")
    images, labels = _check_images(arrays[names[0]], names[0], path), _check_labels(arrays[names[1]], names[1], path)
    if len(images) != len(labels):
        raise ScansearchError(
            f"{path}: there must be a label for each image, but {names[0]} has {len(images)} and "
            f"{names[1]} {len(labels)}"
        )
    return TensorSplit(torch.from_numpy(images), torch.from_numpy(labels))


def _check_images(images: np.ndarray, name: str, path: Path) -> np.ndarray:
    if images.dtype != np.uint8:
        raise ScansearchError(
            f"{path}: images must be uint8, 0 to 255, but {name} is {images.dtype}; "
            "for numbers from 0 to 1 save (255 * x).round().astype('uint8')"
        )
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[3] <= MOST_CHANNELS:
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] > MOST_CHANNELS or images.size == 0:
        raise ScansearchError(f"{path}: images must have the shape {SHAPES}, but {name} has {images.shape}")
    return np.ascontiguousarray(images)


def _check_labels(labels: np.ndarray, name: str, path: Path) -> np.ndarray:
    if labels.dtype.kind not in "iu":
        raise ScansearchError(f"{path}: labels must be integers, but {name} is {labels.dtype}; save the class numbers")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ScansearchError(f"{path}: labels must have the shape (n,) or (n, 1), but {name} has {labels.shape}")
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
