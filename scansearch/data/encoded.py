"""A split of any size whose images stay encoded, in files, in archives or in tables, until a batch asks for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Protocol

import numpy as np

from scansearch.data.file_split import SIDE
from scansearch.data.image_file import Box, DamagedImageError, pixels_of
from scansearch.data.threads import each
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

SAMPLED = 64
"""So many images of a split, evenly spaced, are in its fingerprint with their bytes; the others with name and size."""


class Source(Protocol):
    """Encoded images by their places 0, 1, 2, ...; small once ``select`` took a batch, since it goes to other processes."""

    @property
    def root(self) -> Path:
        """Where all of it lies."""

    def __len__(self) -> int:
        """Number of images."""

    def files(self) -> Iterable[Path]:
        """The files that hold the images."""

    def select(self, places: np.ndarray) -> Source:
        """The source that holds only these images, in that order."""

    def read(self, place: int) -> bytes:
        """The encoded image; raises DamagedImageError if it cannot be read."""

    def name(self, place: int) -> Path:
        """What messages call the image."""

    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the names and sizes of the images, as far as they are known without reading them."""


@dataclass(frozen=True)
class EncodedSplit:
    """Encoded images, decoded to RGB in bytes when they are asked for.

    Args:
        source: The images.
        labels: int64 of shape (n,).
        size: (height, width) that every image is scaled to.
        crops: What ``crop_numbers`` drew for each image, (n, 22): the part of it that is scaled. ``None``: the largest part
            about the centre.
        inner: As of ``pixels_of``.
    """

    source: Source
    labels: torch.Tensor
    size: tuple[int, int] = (SIDE, SIDE)
    crops: torch.Tensor | None = None
    inner: float = 1.0

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(3, height, width)."""
        return 3, *self.size

    @cached_property
    def contents(self) -> tuple[str, ...]:
        """SHA-256 of each image as it is encoded, which reads all of them: equal for copies of a file."""
        return tuple(each(lambda place: hashlib.sha256(self._read(place)).hexdigest(), range(len(self))))

    def __len__(self) -> int:
        return len(self.source)

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Decodes images, uint8 of shape (B, 3, H, W); labels, int64 of shape (B,).

        Raises:
            ScansearchError: If an image is missing, damaged or of another kind; the message names it.
        """
        images = np.empty((len(indices), *self.image_shape), dtype=np.uint8)
        for place, image in enumerate(each(self._decode, indices.tolist())):
            images[place] = image.transpose(2, 0, 1)
        return torch.from_numpy(images), self.labels[indices]

    def subset(self, indices: torch.Tensor) -> EncodedSplit:
        """The split that holds only ``indices``."""
        crops = None if self.crops is None else self.crops[indices]
        return replace(self, source=self.source.select(indices.numpy()), labels=self.labels[indices], crops=crops)

    def resized(self, height: int, width: int) -> EncodedSplit:
        """The split that decodes to another size."""
        return replace(self, size=(height, width))

    def cropped(self, numbers: torch.Tensor) -> EncodedSplit:
        """The split that takes a random part of each image; numbers of ``crop_numbers``, (n, 22)."""
        return replace(self, crops=numbers)

    def digest(self) -> str:
        """SHA-256 (hexadecimal) of names, sizes and labels, and of the bytes of ``SAMPLED`` images."""
        digest = hashlib.sha256(self.source.digest().encode())
        digest.update(self.labels.numpy().astype("<i8").tobytes())
        for data in each(self._read, self.sampled()):
            digest.update(hashlib.sha256(data).digest())
        return digest.hexdigest()

    def damage(self, places: Sequence[int]) -> list[str]:
        """Why each of these images cannot be decoded; empty where it can."""
        return each(self._damage, places)

    def sampled(self) -> Sequence[int]:
        """At most ``SAMPLED`` places, evenly spaced."""
        places: list[int] = np.unique(np.linspace(0, len(self) - 1, SAMPLED).round().astype(int)).tolist()
        return places

    def whole(self, place: int) -> np.ndarray:
        """An image at its own size, uint8 (height, width, 3); errors as ``batch``."""
        with _or_skipped():
            return self._pixels(place, None)

    def _damage(self, place: int) -> str:
        try:
            self._pixels(place, self.size)
        except DamagedImageError as error:
            return error.reason
        return ""

    def _read(self, place: int) -> bytes:
        with _or_skipped():
            return self.source.read(place)

    def _decode(self, place: int) -> np.ndarray:
        with _or_skipped():
            return self._pixels(place, self.size)

    def _pixels(self, place: int, size: tuple[int, int] | None) -> np.ndarray:
        name = self.source.name(place)
        cut = None if self.crops is None else partial(_part, self.crops[place : place + 1])
        image = pixels_of(name, self.source.read(place), size, cut, self.inner)
        if image.dtype != np.uint8:
            raise DamagedImageError(name, "grey of 16 or 32 bits or of signed numbers, which imagefolder and npz read")
        return image


@contextmanager
def _or_skipped() -> Iterator[None]:
    try:
        yield
    except DamagedImageError as error:
        raise ScansearchError(f"{error}, or begin a run with skip_damaged=true") from None


def _part(numbers: torch.Tensor, width: int, height: int) -> Box:
    from scansearch.data.random_crop import fit_crops  # with torch, which listings do without

    top, left, rows, columns = fit_crops(numbers, height, width)[0].tolist()
    return left, top, left + columns, top + rows
