"""Splits with a class for every pixel, for dense prediction such as segmentation."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass

from scansearch.data.pixels import resize
from scansearch.data.splits import Split, TensorSplit
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

IGNORED = 255
"""The target of pixels that count for nothing: neither in the loss nor in what is measured."""


class DenseTargets(ABC):
    """A split whose batches have int64 targets (B, H, W): a class for each pixel, 0 to 254, or ``IGNORED``."""

    @abstractmethod
    def classes(self) -> tuple[int, ...]:
        """The classes that some pixel is of, ascending; what is ignored is none."""


def is_dense(split: Split) -> bool:
    """Whether a split has a class for each pixel, rather than one an image."""
    return isinstance(split, DenseTargets)


@dataclass(frozen=True)
class DenseSplit(TensorSplit, DenseTargets):
    """Images in memory with a target for each pixel.

    Args:
        images: uint8, or float32 in whatever unit, of shape (n, C, H, W).
        labels: One class an image, int64 of shape (n,), by which the images are divided into splits.
        targets: A class for each pixel, 0 to 254, or 255 where it is to be ignored; int64 of shape (n, H, W).

    Raises:
        ScansearchError: If the shapes or types are others, or a target is out of range.
    """

    targets: torch.Tensor

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.targets.dtype != torch.int64 or self.targets.shape != (len(self.images), *self.images.shape[2:]):
            raise ScansearchError(
                f"dense targets are int64 of shape (n, H, W) like the images, here {(len(self.images), *self.images.shape[2:])}, "
                f"but got {self.targets.dtype} {tuple(self.targets.shape)}"
            )
        if len(self.targets) and (int(self.targets.min()) < 0 or int(self.targets.max()) > IGNORED):
            raise ScansearchError(
                f"dense targets are classes from 0 to {IGNORED - 1}, or {IGNORED} for what is ignored, but got "
                f"{int(self.targets.min())} to {int(self.targets.max())}"
            )

    def classes(self) -> tuple[int, ...]:
        """The classes that some pixel is of, ascending."""
        return tuple(value for value in self.targets.unique().tolist() if value != IGNORED)

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Images of shape (B, C, H, W), and targets, int64 of shape (B, H, W)."""
        return self.images[indices], self.targets[indices]

    def subset(self, indices: torch.Tensor) -> DenseSplit:
        """The split that holds a copy of ``indices`` only."""
        return DenseSplit(self.images[indices], self.labels[indices], self.targets[indices])

    def resized(self, height: int, width: int) -> DenseSplit:
        """The split with images and targets of height x width: the images bilinear, the targets nearest."""
        targets = resize(self.targets[:, None], height, width, nearest=True)[:, 0]
        return DenseSplit(resize(self.images, height, width), self.labels, targets)

    def digest(self) -> str:
        """SHA-256 (hexadecimal) of shape, pixels, labels and targets."""
        return hashlib.sha256(super().digest().encode() + self.targets.numpy().astype("<i8").tobytes()).hexdigest()
