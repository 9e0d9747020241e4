"""ImageNet, or whatever lies in its layout: train and val, each with a folder of images a class."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.dataset import DatasetSpec
from scansearch.data.encoded import EncodedSplit
from scansearch.data.image_file import read_file
from scansearch.data.image_folder import class_folders, is_image, list_split
from scansearch.data.inspection_cache import stamp_of
from scansearch.data.large import EVALUATION_CROP, large_parts
from scansearch.data.parts import Parts
from scansearch.data.roots import check_root, list_folder
from scansearch.errors import ScansearchError

LAYOUT = "a folder with the folders train and val, each with one folder of images a class"


@dataclass(frozen=True)
class ImageFiles:
    """Images that are files.

    Args:
        root: Folder that ``paths`` are relative to.
        paths: Where the images are.
    """

    root: Path
    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def files(self) -> Iterable[Path]:
        """All of them."""
        return map(self.name, range(len(self)))

    def select(self, places: np.ndarray) -> ImageFiles:
        """The source of these images only."""
        return ImageFiles(self.root, tuple(self.paths[place] for place in places))

    def read(self, place: int) -> bytes:
        """The bytes of a file; errors as ``read_file``."""
        return read_file(self.name(place))

    def name(self, place: int) -> Path:
        """The path."""
        return self.root / self.paths[place]

    def digest(self) -> str:
        """SHA-256 of relative paths and sizes."""
        sizes = ((stamp_of(path) or (-1,))[0] for path in self.files())
        names = (Path(path).as_posix() for path in self.paths)
        lines = "\n".join(f"{name}\0{size}" for name, size in zip(names, sizes, strict=True))
        return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def read_imagenet(root: Path | None) -> Parts:
    """Lists the images of ``train`` and ``val``; nothing else is needed, such as the development kit.

    The classes are the folders of ``train`` in alphabetical order, as the synset numbers of ImageNet's official order are. The
    images of ``val`` become the test images, and some of ``train`` validate (``large_parts``).

    Raises:
        ScansearchError: If the folders do not have the layout, or the classes of the two differ.
    """
    if root is None:
        raise ScansearchError(f"imagenet needs --data-root: {LAYOUT}")
    check_root(root, "imagenet")
    train, val = (_part(root, name) for name in ("train", "val"))
    names, others = ([path.name for path in class_folders(folder)] for folder in (train, val))
    if names != others:
        only = sorted({*names} ^ {*others})
        where = "train" if only[0] in names else "val"
        raise ScansearchError(
            f"imagenet: train and val must have the same classes, but {len(only):,} are in one only, {only[0]!r} in {where}; "
            "complete the other, or take --data imagefolder, which allows classes without validation images"
        )
    left: Counter[str] = Counter()
    splits = {}
    for role, folder in (("train", train), ("validation", val)):
        listed = list_split(folder, names, left)
        splits[role] = EncodedSplit(ImageFiles(folder, listed.files), listed.labels)
    unused = f"imagenet: not used in {root}: {sum(left.values()):,} files that are no images, or in no class folder"
    return large_parts("imagenet", splits, tuple(names), (unused,) if left else ())


def _part(root: Path, name: str) -> Path:
    folder = root / name
    if not os.path.isdir(folder):
        raise ScansearchError(f"imagenet: {root} must hold a folder {name}, but has none; give {LAYOUT}")
    if not class_folders(folder):
        loose = any(is_image(path.name) for path in list_folder(folder))
        raise ScansearchError(
            f"imagenet: {folder} must hold a folder of images a class, but "
            + ("the images lie in it directly; sort them into folders named as those of train" if loose else "has none")
        )
    return folder


IMAGENET = DatasetSpec(
    name="imagenet",
    description="ImageNet-1K, or other large sets in its folders train and val",
    read=read_imagenet,
    where=f"--data-root: {LAYOUT}",
    augment=AugmentSettings(crop_min=0.08, flip=0.5),
    large=True,
    evaluation_crop=EVALUATION_CROP,
)
