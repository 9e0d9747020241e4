"""A split whose images stay in files and are decoded when a batch asks for them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scansearch.data.image_file import decode
from scansearch.data.inspection import Inspection, inspect
from scansearch.data.threads import each
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

SIDE = 224


@dataclass(frozen=True)
class FileSplit:
    """Image files, decoded lazily in a few threads.

    Args:
        root: Folder that ``files`` are relative to.
        files: Paths of the images.
        labels: int64 of shape (n,).
        size: (height, width) that every image is scaled to cover and cropped to, about the centre.
        deep: Whether the files are grey of 16 or 32 bits or of signed numbers: one channel of float32, where others have
            RGB in bytes.
        seen: What was found in the files; empty if they were not inspected.
        inner: As of ``pixels_of``.
    """

    root: Path
    files: tuple[str, ...]
    labels: torch.Tensor
    size: tuple[int, int] = (SIDE, SIDE)
    deep: bool = False
    seen: tuple[Inspection, ...] = ()
    inner: float = 1.0

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width), with 3 channels, or 1 of deep images."""
        return 1 if self.deep else 3, *self.size

    @property
    def contents(self) -> tuple[str, ...]:
        """SHA-256 of each image's pixels as decoded, upright and whole."""
        return tuple(found.pixels for found in self.inspected().seen)

    def __len__(self) -> int:
        return len(self.files)

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Decodes images, uint8 (float32 if deep) of shape (B, C, H, W); labels, int64 of shape (B,).

        Raises:
            ScansearchError: If an image is missing, damaged or of another kind; the message names the file.
        """
        files = [self.files[index] for index in indices.tolist()]
        images = np.stack(each(self._decode, files))
        return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), self.labels[indices]

    def _decode(self, file: str) -> np.ndarray:
        image = decode(self.root / file, *self.size, self.inner)
        if (image.dtype != np.uint8) != self.deep:
            raise ScansearchError(
                f"the image {self.root / file} changed its bits a pixel; do not change the data while a run uses them"
            )
        return image

    def subset(self, indices: torch.Tensor) -> FileSplit:
        """The split that holds only ``indices``."""
        places = indices.tolist()
        seen = tuple(self.seen[place] for place in places) if self.seen else ()
        return replace(self, files=tuple(self.files[i] for i in places), labels=self.labels[indices], seen=seen)

    def resized(self, height: int, width: int) -> FileSplit:
        """The split that decodes to another size."""
        return replace(self, size=(height, width))

    def inspected(self) -> FileSplit:
        """The split with ``seen``; every file is read whole, unless that was done before."""
        if self.seen:
            return self
        return replace(self, seen=inspect(self.root, self.files)[0])

    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the relative paths, the labels and the bytes of the files."""
        paths = "\0".join(Path(file).as_posix() for file in self.files)
        digest = hashlib.sha256(paths.encode(errors="surrogateescape"))
        digest.update(self.labels.numpy().astype("<i8").tobytes())
        digest.update("".join(found.data for found in self.inspected().seen).encode())
        return digest.hexdigest()
