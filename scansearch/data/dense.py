"""A split with a class for every pixel, for dense prediction such as segmentation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from scansearch.data.splits import TensorSplit
from scansearch.errors import ScansearchError
from scansearch.lazy import torch


@dataclass(frozen=True)
class DenseSplit(TensorSplit):
    """Images in memory with a target for each pixel.

    Args:
        images: uint8, or float32 in whatever unit, of shape (n, C, H, W).
        labels: One class an image, int64 of shape (n,), by which the images are divided into splits.
        targets: A class for each pixel, int64 of shape (n, H, W).

    Raises:
        ScansearchError: If the shapes or types are others.
    """

    targets: torch.Tensor

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.targets.dtype != torch.int64 or self.targets.shape != (len(self.images), *self.images.shape[2:]):
            raise ScansearchError(
                f"dense targets are int64 of shape (n, H, W) like the images, here {(len(self.images), *self.images.shape[2:])}, "
                f"but got {self.targets.dtype} {tuple(self.targets.shape)}"
            )

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Images of shape (B, C, H, W), and targets, int64 of shape (B, H, W)."""
        return self.images[indices], self.targets[indices]

    def subset(self, indices: torch.Tensor) -> DenseSplit:
        """The split that holds a copy of ``indices`` only."""
        return DenseSplit(self.images[indices], self.labels[indices], self.targets[indices])

    def resized(self, height: int, width: int) -> DenseSplit:
        """The split itself: classes of pixels cannot be scaled.

        Raises:
            ScansearchError: If the size is another.
        """
        if (height, width) != tuple(self.images.shape[2:]):
            raise ScansearchError(
                f"images with dense targets keep their size, {self.images.shape[2]} x {self.images.shape[3]}, but "
                f"image_size asks for {height} x {width}; scale images and targets together before"
            )
        return self

    def digest(self) -> str:
        """SHA-256 (hexadecimal) of shape, pixels, labels and targets."""
        return hashlib.sha256(super().digest().encode() + self.targets.numpy().astype("<i8").tobytes()).hexdigest()
