"""Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017) from IDX files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.dataset import DatasetSpec
from scansearch.data.idx import read_idx
from scansearch.data.parts import Parts, check_labels
from scansearch.data.roots import check_root
from scansearch.data.splits import TensorSplit
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
SUBFOLDERS = (".", "fashion-mnist", "FashionMNIST/raw")
PARTS = ("train", "t10k")
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
GET = (
    "install Debian's package dataset-fashion-mnist, or download the four files named in "
    "https://github.com/zalandoresearch/fashion-mnist and give their folder as --data-root"
)


def read_fashion_mnist(root: Path | None) -> Parts:
    """60,000 training and 10,000 test images of 28x28 pixels.

    Args:
        root: Folder that holds the four files, plain or gzipped, itself or in a subfolder of a usual name; if it holds
            none of them, or is None, the folder of Debian's package is read.

    Raises:
        ScansearchError: If the files are missing, with where they were sought, or damaged.
    """
    train, test = (_read_part(*files) for files in _find_files(root))
    return Parts(train, CLASSES, test=test)


def _find_files(root: Path | None) -> list[tuple[Path, Path]]:
    """Images and labels of each part."""
    folder = _find_folder(root)
    return [(_require_file(folder, part, "images"), _require_file(folder, part, "labels")) for part in PARTS]


def _find_folder(root: Path | None) -> Path:
    roots = [] if root is None else [check_root(root, "fashion-mnist")]
    folders = [(root / name).resolve() for root in roots for name in SUBFOLDERS] + [DEBIAN]
    for folder in folders:
        if any(_find_file(folder, part, kind) for part in PARTS for kind in ("images", "labels")):
            return folder
    raise ScansearchError(f"Fashion-MNIST was sought in {', '.join(map(str, folders))} and not found; {GET}")


def _find_file(folder: Path, part: str, kind: str) -> Path | None:
    ending = "idx3-ubyte" if kind == "images" else "idx1-ubyte"
    names = [f"{part}-{kind}{joint}{ending}{suffix}" for suffix in ("", ".gz") for joint in ("-", ".")]
    return next((folder / name for name in names if os.path.isfile(folder / name)), None)


def _require_file(folder: Path, part: str, kind: str) -> Path:
    path = _find_file(folder, part, kind)
    if path is None:
        raise ScansearchError(f"Fashion-MNIST is incomplete: {folder} has no {part}-{kind}-idx*-ubyte[.gz]; {GET}")
    return path


def _read_part(images_path: Path, labels_path: Path) -> TensorSplit:
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1).astype(np.int64)
    if len(images) != len(labels):
        raise ScansearchError(
            f"there must be a label for each image, but {images_path} holds {len(images):,} images and "
            f"{labels_path.name} {len(labels):,} labels; get the files again"
        )
    check_labels(torch.from_numpy(labels), CLASSES, str(labels_path))
    return TensorSplit(torch.from_numpy(images)[:, None], torch.from_numpy(labels))


FASHION_MNIST = DatasetSpec(
    name="fashion-mnist",
    description="70,000 pictures of clothes, 28x28, grey, 10 classes",
    read=read_fashion_mnist,
    find=_find_files,
    where=f"--data-root, or {DEBIAN} (Debian's package dataset-fashion-mnist)",
    augment=AugmentSettings(shift=0.0714, flip=0.5),
)
