"""Pixels as tensors: normalisation, scaling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scansearch.lazy import torch

BYTE = 255
CHUNK = 1024


def normalise(
    images: torch.Tensor, mean: Sequence[float] | torch.Tensor, std: Sequence[float] | torch.Tensor
) -> torch.Tensor:
    """Pixels to what a network reads: ``(x - mean) / std``, of bytes after ``x / 255``.

    Args:
        images: uint8, or floating point in whatever unit, of shape (B, C, H, W).
        mean: One value a channel; 0 to 1 for bytes, otherwise in the unit of the images.
        std: Likewise.

    Returns:
        float32 of shape (B, C, H, W), on the device of ``images``.
    """
    unit = unit_of(images)
    centre = torch.as_tensor(mean, dtype=torch.float32, device=images.device).view(-1, 1, 1)
    scale = torch.as_tensor(std, dtype=torch.float32, device=images.device).view(-1, 1, 1)
    return (images.to(torch.float32) - centre * unit).div_(scale * unit)


def unit_of(images: torch.Tensor) -> int:
    """What counts as 1: the largest byte for images of bytes; other images are taken as they are."""
    return BYTE if images.dtype == torch.uint8 else 1


def resize(images: torch.Tensor, height: int, width: int, *, nearest: bool = False) -> torch.Tensor:
    """Scales images to cover height x width (bilinear, antialiased) and crops them about the centre.

    Args:
        images: uint8 or float32 of shape (n, C, H, W); with ``nearest`` whole numbers of any type that float32 holds.
        height: Rows wanted.
        width: Columns wanted.
        nearest: Take the nearest pixel, as for classes, which have no mean.

    Returns:
        The same type, of shape (n, C, height, width); ``images`` itself if it has that size.
    """
    if images.shape[-2:] == (height, width):
        return images
    rows, columns = covering(images.shape[-2], images.shape[-1], height, width)
    top, left = (rows - height) // 2, (columns - width) // 2
    resized = images.new_empty((*images.shape[:2], height, width))
    # In pieces: the float32 copy of a whole data set is four times its size.
    how: dict[str, Any] = {"mode": "nearest-exact"} if nearest else {"mode": "bilinear", "antialias": True}
    for target, part in zip(resized.split(CHUNK), images.split(CHUNK), strict=True):
        scaled = torch.nn.functional.interpolate(part.float(), (rows, columns), **how)
        cropped = scaled[..., top : top + height, left : left + width]
        target.copy_(cropped.round_().clamp_(0, BYTE) if images.dtype == torch.uint8 else cropped)
    return resized


def covering(height: int, width: int, target_height: int, target_width: int) -> tuple[int, int]:
    """The smallest size with the proportions of height x width that covers the target."""
    scale = max(target_height / height, target_width / width)
    return max(target_height, round(height * scale)), max(target_width, round(width * scale))
