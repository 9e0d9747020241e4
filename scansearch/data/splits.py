"""A split: images and labels of the training, validation or test part of a data set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

from scansearch.data.pixels import resize
from scansearch.errors import ScansearchError
from scansearch.lazy import torch


@runtime_checkable
class Split(Protocol):
    """What training needs of a part of a data set; the images may lie in memory or in files."""

    @property
    def labels(self) -> torch.Tensor:
        """Class of every image, int64 of shape (n,)."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of every image."""

    @property
    def contents(self) -> tuple[str, ...]:
        """A hash of each image's pixels, without its label: equal for equal images."""

    def __len__(self) -> int:
        """Number of images."""

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Images, uint8 or float32 of shape (B, C, H, W), and labels, int64 of shape (B,), in the order of ``indices``."""

    def subset(self, indices: torch.Tensor) -> Split:
        """The split that holds only ``indices``, in that order."""

    def resized(self, height: int, width: int) -> Split:
        """The split whose images are scaled to cover height x width, then cropped about the centre."""

    def digest(self) -> str:
        """SHA-256 (hexadecimal) of which images, with which labels, the split holds."""


@dataclass(frozen=True)
class TensorSplit:
    """A split in memory.

    Args:
        images: uint8, or float32 in whatever unit, of shape (n, C, H, W).
        labels: int64 of shape (n,).

    Raises:
        ScansearchError: If the shapes or types are others.
    """

    images: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self) -> None:
        known = self.images.dtype in (torch.uint8, torch.float32)
        if not known or self.images.ndim != 4 or self.labels.shape != self.images.shape[:1]:
            raise ScansearchError(
                f"a split holds uint8 images or float32 images (n, C, H, W) and labels (n,), but got {self.images.dtype} "
                f"{tuple(self.images.shape)} and {tuple(self.labels.shape)}"
            )

    @cached_property
    def contents(self) -> tuple[str, ...]:
        """SHA-256 of each image's pixels."""
        return tuple(hashlib.sha256(image.data).hexdigest() for image in self.images.contiguous().numpy())

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of every image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Images of shape (B, C, H, W), and labels, int64 of shape (B,)."""
        return self.images[indices], self.labels[indices]

    def subset(self, indices: torch.Tensor) -> TensorSplit:
        """The split that holds a copy of ``indices`` only."""
        return TensorSplit(self.images[indices], self.labels[indices])

    def resized(self, height: int, width: int) -> TensorSplit:
        """The split with images of height x width."""
        return TensorSplit(resize(self.images, height, width), self.labels)

    def digest(self) -> str:
        """SHA-256 (hexadecimal) of shape, pixels and labels."""
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        digest.update(self.images.contiguous().numpy().data)
        digest.update(self.labels.numpy().astype("<i8").tobytes())
        return digest.hexdigest()
