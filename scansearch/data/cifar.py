"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) in their binary version; the pickled one is never opened."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.dataset import DatasetSpec
from scansearch.data.parts import Parts, check_labels
from scansearch.data.roots import check_root
from scansearch.data.splits import TensorSplit
from scansearch.errors import ScansearchError
from scansearch.files import check_file
from scansearch.lazy import torch

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
MOST_NAMES = 2**16
"""Bytes of a file of class names."""
HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"


@dataclass(frozen=True)
class CifarLayout:
    """How one of the two data sets lies on disk.

    Args:
        name: Name of the data set.
        folder: Folder that the official archive unpacks to.
        archive: The official archive.
        train: Files of the training part, each with its number of records.
        test: Files of the test part likewise.
        label_bytes: Bytes before the pixels of a record; the last one is the class.
        names_file: Text file with one class name a line.
        num_classes: Number of classes.
        pickled: Files and folders of the python version, by which it is recognised.
    """

    name: str
    folder: str
    archive: str
    train: tuple[tuple[str, int], ...]
    test: tuple[tuple[str, int], ...]
    label_bytes: int
    names_file: str
    num_classes: int
    pickled: tuple[str, ...]


CIFAR10_LAYOUT = CifarLayout(
    name="cifar10",
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
    train=tuple((f"data_batch_{number}.bin", 10_000) for number in range(1, 6)),
    test=(("test_batch.bin", 10_000),),
    label_bytes=1,
    names_file="batches.meta.txt",
    num_classes=10,
    pickled=("data_batch_1", "batches.meta", "cifar-10-batches-py", "cifar-10-python.tar.gz"),
)
CIFAR100_LAYOUT = CifarLayout(
    name="cifar100",
    folder="cifar-100-binary",
    archive="cifar-100-binary.tar.gz",
    train=(("train.bin", 50_000),),
    test=(("test.bin", 10_000),),
    label_bytes=2,
    names_file="fine_label_names.txt",
    num_classes=100,
    pickled=("train", "meta", "cifar-100-python", "cifar-100-python.tar.gz"),
)


def read_cifar(root: Path | None, layout: CifarLayout) -> Parts:
    """Reads the binary version.

    Args:
        root: The folder with the ``.bin`` files, or the folder the archive was unpacked in.
        layout: Which of the two data sets.

    Raises:
        ScansearchError: If there is no root, it holds something else (the python version, say), or a file is damaged.
    """
    if root is None:
        raise ScansearchError(f"{layout.name} needs --data-root: {_get(layout)}")
    folder = _find_folder(check_root(root, layout.name), layout)
    names, notes = _class_names(folder, layout)
    train, test = (_read_files(folder, files, layout, names) for files in (layout.train, layout.test))
    return Parts(train, names, test=test, notes=notes)


def _get(layout: CifarLayout) -> str:
    return f"download {layout.archive} from {HOME}, unpack it, and give the folder {layout.folder}"


def _find_folder(root: Path, layout: CifarLayout) -> Path:
    for folder in (root, root / layout.folder):
        if any(os.path.isfile(folder / name) for name, _ in layout.train + layout.test):
            return folder
    if os.path.isfile(root / layout.archive):
        raise ScansearchError(f"{layout.name}: {root / layout.archive} is still packed; unpack it there with tar -xzf")
    pickled = next((root / name for name in layout.pickled if os.path.exists(root / name)), None)
    if pickled is not None:
        raise ScansearchError(
            f"{layout.name}: {pickled} is the python (pickle) version, and opening a pickle can run any code; "
            f"{_get(layout)}"
        )
    raise ScansearchError(f"{layout.name}: {root} holds no {layout.train[0][0]}; {_get(layout)}")


def _class_names(folder: Path, layout: CifarLayout) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the classes; or numbers, since no result depends on names, and a line that says why."""
    path = folder / layout.names_file
    try:
        names = tuple(path.read_text(encoding="utf-8").split()) if check_file(path).st_size <= MOST_NAMES else ()
    except (OSError, UnicodeDecodeError):
        names = ()
    if len(set(names)) == layout.num_classes == len(names):
        return names, ()
    numbers = tuple(str(number) for number in range(layout.num_classes))
    return numbers, (f"{layout.name}: {path} does not hold {layout.num_classes} names, so classes are numbered",)


def _read_files(
    folder: Path, files: tuple[tuple[str, int], ...], layout: CifarLayout, class_names: tuple[str, ...]
) -> TensorSplit:
    records = np.concatenate([_read_file(folder / name, count, layout) for name, count in files])
    labels = torch.from_numpy(records[:, layout.label_bytes - 1].astype(np.int64))
    check_labels(labels, class_names, f"{folder} ({', '.join(name for name, _ in files)})")
    pixels = np.ascontiguousarray(records[:, layout.label_bytes :]).reshape(-1, *SHAPE)
    return TensorSplit(torch.from_numpy(pixels), labels)


def _read_file(path: Path, count: int, layout: CifarLayout) -> np.ndarray:
    record = layout.label_bytes + PIXELS
    try:
        size = check_file(path).st_size
        if size != count * record:
            raise ScansearchError(
                f"{path} must have {count * record:,} bytes ({count:,} records of {record:,}), but has {size:,}; "
                f"{_get(layout)} again"
            )
        return np.fromfile(path, dtype=np.uint8).reshape(count, record)
    except FileNotFoundError:
        raise ScansearchError(f"{layout.name} is incomplete: there is no {path}; {_get(layout)}") from None
    except (OSError, ValueError) as error:
        raise ScansearchError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _spec(layout: CifarLayout) -> DatasetSpec:
    return DatasetSpec(
        name=layout.name,
        description=f"60,000 photographs, 32x32, colour, {layout.num_classes} classes",
        read=partial(read_cifar, layout=layout),
        where=f"--data-root with the binary version, {layout.archive} from {HOME}",
        augment=AugmentSettings(shift=0.125, flip=0.5),
    )


CIFAR10 = _spec(CIFAR10_LAYOUT)
CIFAR100 = _spec(CIFAR100_LAYOUT)
