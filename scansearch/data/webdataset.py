"""WebDataset shards: tar archives in which files of one name and several endings are a sample.

They are read as they are laid out, at random places rather than as a stream: the ``webdataset`` package shuffles what passes through a
buffer, so that a batch would depend on the number of readers.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.dataset import DatasetSpec
from scansearch.data.encoded import EncodedSplit
from scansearch.data.image_file import MOST_BYTES, DamagedImageError
from scansearch.data.image_folder import EXTENSIONS, FOLDERS
from scansearch.data.inspection_cache import InspectionCache, stamp_of
from scansearch.data.large import large_parts
from scansearch.data.parts import Parts
from scansearch.data.roots import check_root, list_folder
from scansearch.errors import ScansearchError
from scansearch.files import check_file
from scansearch.lazy import torch

LAYOUT = (
    "a folder of .tar shards with an image (.jpg, .png ...) and a class (.cls, or .json with label) a sample, named train-000000.tar, "
    "val-..., test-... or in folders of these names"
)
CLASSES = "classes.txt"
LABELS = ("label", "cls")
"""Where a sample's JSON says its class."""
MOST_LABEL = 2**20
"""Bytes of a .cls or .json file at most."""


class Indexed(NamedTuple):
    """The samples of a shard: names, where their images begin and how long they are (bytes), and their classes."""

    names: list[str]
    offsets: list[int]
    sizes: list[int]
    labels: list[int]


@dataclass(frozen=True)
class ShardImages:
    """Images within tar archives.

    Args:
        root: Folder that ``shards`` are relative to.
        shards: The archives.
        names: Of each image within its archive.
        shard: Which archive each image is in, int64 (n,).
        offsets: Where it begins there, int64 (n,).
        sizes: How many bytes it has, int64 (n,).
    """

    root: Path
    shards: tuple[str, ...]
    names: tuple[str, ...]
    shard: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def files(self) -> Iterable[Path]:
        """The shards."""
        return (self.root / shard for shard in self.shards)

    def select(self, places: np.ndarray) -> ShardImages:
        """The source of these images only."""
        used, shard = np.unique(self.shard[places], return_inverse=True)
        shards = tuple(self.shards[number] for number in used)
        names = tuple(self.names[place] for place in places)
        return ShardImages(self.root, shards, names, shard, self.offsets[places], self.sizes[places])

    def read(self, place: int) -> bytes:
        """The bytes of an image.

        Raises:
            DamagedImageError: If the shard is gone or shorter than it was.
        """
        size = int(self.sizes[place])
        if size > MOST_BYTES:
            raise DamagedImageError(self.name(place), f"{size:,} bytes, at most {MOST_BYTES:,} are read")
        try:
            with open(self.root / self.shards[self.shard[place]], "rb") as file:
                file.seek(int(self.offsets[place]))
                data = file.read(size)
        except OSError as error:
            raise DamagedImageError(self.name(place), (error.strerror or str(error)).lower()) from None
        if len(data) < size:
            raise DamagedImageError(self.name(place), "the shard ends before it")
        return data

    def name(self, place: int) -> Path:
        """The shard, and the image's name in it."""
        return self.root / self.shards[self.shard[place]] / self.names[place]

    def digest(self) -> str:
        """SHA-256 of names of shards and images, and of sizes."""
        lines = "\n".join(
            f"{self.shards[shard]}\0{name}\0{size}"
            for shard, name, size in zip(self.shard.tolist(), self.names, self.sizes.tolist(), strict=True)
        )
        return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def read_webdataset(root: Path | None) -> Parts:
    """Lists the samples of all shards; what was found in a shard is remembered until it changes.

    The names of the classes are the lines of ``classes.txt`` beside the shards, or else numbers. Roles as ``large_parts``; a part
    whose labels are all -1 is not used.

    Raises:
        ScansearchError: If there are no shards, one is damaged or compressed, or a sample has no image or no class.
    """
    if root is None:
        raise ScansearchError(f"webdataset needs --data-root: {LAYOUT}")
    shards = _shards(check_root(root, "webdataset"))
    cache = InspectionCache(root)
    splits, notes = {}, []
    for role, paths in shards.items():
        split = _split(root, paths, cache)
        if role != "train" and bool((split.labels == -1).all()):
            notes.append(f"webdataset: the {role} part has no labels and is not used")
        else:
            splits[role] = split
    notes += cache.save()
    return large_parts("webdataset", splits, _class_names(root, splits["train"].labels), tuple(notes))


def _shards(root: Path) -> dict[str, list[str]]:
    """The shards of each role, relative to the root."""
    inside = [path for folder in (root, *filter(Path.is_dir, list_folder(root))) for path in list_folder(folder)]
    if packed := [path for path in inside if re.search(r"\.(tar\.\w+|tgz)$", path.name)]:
        raise ScansearchError(
            f"webdataset: shards must not be compressed, but {packed[0]} is; unpack it to a plain .tar"
        )
    found = [path.relative_to(root) for path in inside if path.suffix == ".tar" and path.is_file()]
    roles: dict[str, list[str]] = {}
    for path in found:
        roles.setdefault(_role(path), []).append(str(path))
    if len(roles) > 1 and "" in roles:
        raise ScansearchError(
            f"webdataset: {root / roles[''][0]} must say whether it is of train, val or test; rename it"
        )
    if "" in roles:
        roles["train"] = roles.pop("")
    if "train" not in roles:
        raise ScansearchError(f"webdataset: {root} must hold shards of training images, but has none; give {LAYOUT}")
    return roles


def _role(path: Path) -> str:
    words = [word for part in (*path.parent.parts, path.stem) for word in re.split(r"[\W_]+", part.casefold())]
    found = {role for role, names in FOLDERS.items() for word in words if re.fullmatch(names, word)}
    if len(found) > 1:
        raise ScansearchError(
            f"webdataset: {path} must name one part, but names {' and '.join(sorted(found))}; rename it"
        )
    return next(iter(found), "")


def _split(root: Path, shards: Sequence[str], cache: InspectionCache) -> EncodedSplit:
    found = [_indexed(root, shard, cache) for shard in shards]
    counts = [len(shard.names) for shard in found]
    names = tuple(name for shard in found for name in shard.names)
    shard = np.repeat(np.arange(len(found)), counts)
    offsets, sizes, labels = (np.concatenate([np.array(s[i], dtype=np.int64) for s in found]) for i in (1, 2, 3))
    return EncodedSplit(ShardImages(root, tuple(shards), names, shard, offsets, sizes), torch.from_numpy(labels))


def _indexed(root: Path, shard: str, cache: InspectionCache) -> Indexed:
    stamp = stamp_of(root / shard)
    known = cache.get(shard, stamp)
    if known is not None:
        return Indexed(*known)
    found = index_shard(root / shard)
    cache.put(shard, stamp, found)
    return found


def index_shard(path: Path) -> Indexed:
    """Finds the samples of a shard: the endings behind the first dot of a file's name tell what it is.

    Raises:
        ScansearchError: If it is damaged, or a sample has no class or more than one image.
    """
    images: dict[str, tarfile.TarInfo] = {}
    labels: dict[str, int] = {}
    try:
        check_file(path)
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                folder, _, base = member.name.rpartition("/")
                stem, _, ending = base.partition(".")
                key = f"{folder}/{stem}" if folder else stem
                if not member.isreg() or not stem:
                    continue
                if f".{ending.lower()}" in EXTENSIONS:
                    if key in images:
                        raise ScansearchError(f"{path}: a sample must have one image, but {key} has two; split it")
                    images[key] = member
                elif ending in ("cls", "json") and member.size <= MOST_LABEL:
                    told = archive.extractfile(member)
                    label = None if told is None else _label(path, member.name, ending, told.read())
                    if label is not None:
                        labels[key] = label
    except (tarfile.TarError, OSError) as error:
        raise ScansearchError(f"the shard {path} cannot be read ({error}); replace it or take it away") from None
    if missing := [key for key in images if key not in labels]:
        raise ScansearchError(
            f"{path}: every image needs a class, but {missing[0]} has no .cls and no .json with label"
        )
    members = images.values()
    return Indexed(
        [member.name for member in members],
        [member.offset_data for member in members],
        [member.size for member in members],
        [labels[key] for key in images],
    )


def _label(path: Path, name: str, ending: str, data: bytes) -> int | None:
    try:
        value = json.loads(data)
    except ValueError:
        value = data
    if ending == "json":
        value = next((value[key] for key in LABELS if key in value), None) if isinstance(value, Mapping) else None
        if value is None:
            return None
    if isinstance(value, bool) or not isinstance(value, int) or not -1 <= value < 2**31:
        raise ScansearchError(
            f"{path}: the class in {name} must be a number from 0, but is {str(value)[:40]!r}; renumber it"
        )
    return value


def _class_names(root: Path, labels: torch.Tensor) -> tuple[str, ...]:
    path = root / CLASSES
    if not path.is_file():
        return tuple(map(str, range(int(labels.max()) + 1))) if len(labels) else ()
    return tuple(
        line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
    )


WEBDATASET = DatasetSpec(
    name="webdataset",
    description="your own images in WebDataset shards",
    read=read_webdataset,
    where=f"--data-root: {LAYOUT}",
    augment=AugmentSettings(crop_min=0.08, flip=0.5),
    large=True,
)
