"""Pixels as tensors: normalisation, statistics of the channels, scaling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from scansearch.data.splits import Split

BYTE = 255
CHUNK = 1024
PIECE = 64
SAMPLE = 2048
EPSILON = float(np.finfo(np.float32).eps)


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


def channel_statistics(split: Split, sample: int | None = None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, 0 to 1 for bytes, otherwise in the unit of the images.

    The sums of bytes and of their squares are integers below 2**53, hence exact. Other numbers are first shifted by an
    image's mean, so that no digits are lost where the mean is far from zero; their sums are rounded in float64. Neither
    depends on the number of threads.

    Args:
        split: The training split; no other may be used.
        sample: Look at this many images, evenly spaced, instead of at all of them.

    Returns:
        Means and standard deviations; the latter at least one grey level, or for other numbers than bytes what float32
        can tell apart, so that a constant channel can be divided.
    """
    indices = torch.arange(len(split))
    if sample is not None and sample < len(split):
        indices = torch.linspace(0, len(split) - 1, sample, dtype=torch.float64).round().long()
    first = split.batch(indices[:1])[0]
    of_bytes, zero = first.dtype == torch.uint8, torch.zeros(len(first[0]), dtype=torch.float64)
    shift = zero if of_bytes else _sums(first, zero)[0] / first[0, 0].numel()
    total, largest = torch.stack([zero, zero]), zero
    for part in indices.split(CHUNK if of_bytes else PIECE):
        pixels = split.batch(part)[0].to(torch.float32)
        total += _sums_of_bytes(pixels) if of_bytes else _sums(pixels, shift)
        largest = largest.maximum(pixels.abs().amax(dim=(0, 2, 3)).double())
    _, height, width = split.image_shape
    mean, square = total / (len(indices) * height * width)
    least = zero + 1 if of_bytes else torch.where(largest > 0, EPSILON * largest, 1.0)
    std = (square - mean.square()).clamp(min=0).sqrt().maximum(least)
    unit = unit_of(first)
    return tuple(((mean + shift) / unit).tolist()), tuple((std / unit).tolist())


def _sums_of_bytes(pixels: torch.Tensor) -> torch.Tensor:
    return torch.stack([x.sum(dim=(0, 2, 3), dtype=torch.float64) for x in (pixels, pixels.square())])


def _sums(pixels: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    # NumPy's sums know no threads, so that the order of the additions does not depend on them.
    numbers = (pixels.double() - shift.view(-1, 1, 1)).flatten(2).numpy()
    return torch.from_numpy(np.stack([x.sum(axis=2).sum(axis=0) for x in (numbers, numbers * numbers)]))


def resize(images: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Scales images to cover height x width (bilinear, antialiased) and crops them about the centre.

    Args:
        images: uint8 or float32 of shape (n, C, H, W).
        height: Rows wanted.
        width: Columns wanted.

    Returns:
        The same type, of shape (n, C, height, width); ``images`` itself if it has that size.
    """
    if images.shape[-2:] == (height, width):
        return images
    rows, columns = covering(images.shape[-2], images.shape[-1], height, width)
    top, left = (rows - height) // 2, (columns - width) // 2
    resized = images.new_empty((*images.shape[:2], height, width))
    # In pieces: the float32 copy of a whole data set is four times its size.
    for target, part in zip(resized.split(CHUNK), images.split(CHUNK), strict=True):
        scaled = functional.interpolate(part.float(), (rows, columns), mode="bilinear", antialias=True)
        cropped = scaled[..., top : top + height, left : left + width]
        target.copy_(cropped.round_().clamp_(0, BYTE) if images.dtype == torch.uint8 else cropped)
    return resized


def covering(height: int, width: int, target_height: int, target_width: int) -> tuple[int, int]:
    """The smallest size with the proportions of height x width that covers the target."""
    scale = max(target_height / height, target_width / width)
    return max(target_height, round(height * scale)), max(target_width, round(width * scale))
