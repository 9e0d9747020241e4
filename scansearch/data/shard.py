"""A shard: a tar archive in which files of one name and several endings are a sample."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scansearch.data.image_file import MOST_BYTES, DamagedImageError
from scansearch.data.image_folder import EXTENSIONS
from scansearch.errors import ScansearchError
from scansearch.files import check_file

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
