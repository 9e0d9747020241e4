"""Folders of images, a folder a class: with train, val and test, or one pile that is split."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.base import DatasetSpec, Parts
from scansearch.data.file_split import DAMAGE, FileSplit
from scansearch.data.roots import check_root, list_folder
from scansearch.errors import ScansearchError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm", ".gif", ".tif", ".tiff")
FOLDERS = {"train": ("train",), "validation": ("val", "validation"), "test": ("test",)}
EXAMINED = 64
SIDE = 224
LAYOUT = "a folder with one folder of images a class, or with such folders train, val and (if there is one) test"


def read_image_folder(root: Path | None) -> Parts:
    """Lists the images; they are decoded when a batch asks for them.

    If the first images all have one size of at most 224 x 224 pixels, that is the size of the data set; otherwise it is
    224 x 224. The classes are the folders of the training part, in alphabetical order.

    Raises:
        ScansearchError: If the folders do not have the layout, a class is empty, or a split has a class of its own.
    """
    if root is None:
        raise ScansearchError(f"imagefolder needs --data-root: {LAYOUT}")
    folders = _split_folders(check_root(root, "imagefolder"))
    class_names = tuple(path.name for path in _class_folders(folders["train"]))
    splits = {role: _list_split(folder, class_names) for role, folder in folders.items()}
    size = _common_size(splits["train"])
    return Parts(class_names=class_names, **{role: split.resized(*size) for role, split in splits.items()})


def _split_folders(root: Path) -> dict[str, Path]:
    folders = {role: root / name for role, names in FOLDERS.items() for name in names if (root / name).is_dir()}
    # A class may be called "train": it holds images, not folders.
    if "train" in folders and _class_folders(folders["train"]):
        return folders
    if {path.name for path in _class_folders(root)} <= {name for names in FOLDERS.values() for name in names}:
        raise ScansearchError(f"imagefolder: {root} must hold a folder of images a class, but has none; give {LAYOUT}")
    return {"train": root}


def _class_folders(folder: Path) -> list[Path]:
    return [path for path in list_folder(folder) if path.is_dir()]


def _list_split(folder: Path, class_names: Sequence[str]) -> FileSplit:
    classes = _class_folders(folder)
    unknown = sorted({path.name for path in classes} - set(class_names))
    if unknown:
        raise ScansearchError(f"every class must be in the training images, but {unknown[0]!r} is in {folder} only")
    if not classes:
        raise ScansearchError(f"imagefolder: {folder} must hold a folder a class, but holds none; give {LAYOUT}")
    files: list[str] = []
    labels: list[int] = []
    for path in classes:
        found = _list_images(path, folder)
        files += found
        labels += [class_names.index(path.name)] * len(found)
    return FileSplit(folder, tuple(files), torch.tensor(labels, dtype=torch.int64), (SIDE, SIDE))


def _list_images(class_folder: Path, folder: Path) -> list[str]:
    found = [
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(class_folder, onerror=_refuse)
        for name in names
        if name.lower().endswith(EXTENSIONS) and not name.startswith(".")
    ]
    if not found:
        raise ScansearchError(
            f"imagefolder: the class folder {class_folder} holds no image ({', '.join(EXTENSIONS)}); "
            "add some or remove it"
        )
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise ScansearchError(f"the folder {error.filename} cannot be read: {error.strerror}") from None


def _common_size(split: FileSplit) -> tuple[int, int]:
    places = torch.linspace(0, len(split) - 1, min(len(split), EXAMINED)).round().long().tolist()
    sizes = {_size_of(split.root / split.files[place]) for place in places}
    width, height = next(iter(sizes))
    return (height, width) if len(sizes) == 1 and max(height, width) <= SIDE else (SIDE, SIDE)


def _size_of(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.size
    except DAMAGE as error:
        reason = str(getattr(error, "strerror", None) or error).splitlines()[0]
        raise ScansearchError(f"the image {path} cannot be opened ({reason}); replace or remove it") from None


IMAGE_FOLDER = DatasetSpec(
    name="imagefolder",
    description="your own image files, colour, a folder a class",
    read=read_image_folder,
    where=f"--data-root: {LAYOUT}",
    augment=AugmentSettings(shift=0.125, flip=0.5),
)
