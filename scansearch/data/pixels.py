"""Pixels as tensors: normalisation, statistics of the channels, scaling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from scansearch.data.splits import Split

CHUNK = 1024
SAMPLE = 2048


def normalise(
    images: torch.Tensor, mean: Sequence[float] | torch.Tensor, std: Sequence[float] | torch.Tensor
) -> torch.Tensor:
    """Bytes to what a network reads: ``(x / 255 - mean) / std``.

    Args:
        images: uint8 of shape (B, C, H, W).
        mean: One value a channel, in units of the full range (0 to 1).
        std: Likewise.

    Returns:
        float32 of shape (B, C, H, W), on the device of ``images``.
    """
    centre = torch.as_tensor(mean, dtype=torch.float32, device=images.device).view(-1, 1, 1)
    scale = torch.as_tensor(std, dtype=torch.float32, device=images.device).view(-1, 1, 1)
    return images.to(torch.float32).sub_(centre * 255).div_(scale * 255)


def channel_statistics(split: Split, sample: int | None = None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, in units of the full range (0 to 1).

    The sums are of integers below 2**53 in float64, hence exact: the result does not depend on the number of threads.

    Args:
        split: The training split; no other may be used.
        sample: Look at this many images, evenly spaced, instead of at all of them.

    Returns:
        Means and standard deviations; the latter at least one grey level, so that a constant channel can be divided.
    """
    indices = torch.arange(len(split))
    if sample is not None and sample < len(split):
        indices = torch.linspace(0, len(split) - 1, sample, dtype=torch.float64).round().long()
    total = torch.zeros(2, split.image_shape[0], dtype=torch.float64)
    for part in indices.split(CHUNK):
        pixels = split.batch(part)[0].to(torch.float32)
        total += torch.stack([x.sum(dim=(0, 2, 3), dtype=torch.float64) for x in (pixels, pixels.square())])
    _, height, width = split.image_shape
    mean, square = total / (len(indices) * height * width)
    std = (square - mean.square()).clamp(min=0).sqrt().clamp(min=1)
    return tuple((mean / 255).tolist()), tuple((std / 255).tolist())


def resize(images: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Scales images to cover height x width (bilinear, antialiased) and crops them about the centre.

    Args:
        images: uint8 of shape (n, C, H, W).
        height: Rows wanted.
        width: Columns wanted.

    Returns:
        uint8 of shape (n, C, height, width); ``images`` itself if it has that size.
    """
    if images.shape[-2:] == (height, width):
        return images
    rows, columns = covering(images.shape[-2], images.shape[-1], height, width)
    top, left = (rows - height) // 2, (columns - width) // 2
    resized = images.new_empty((*images.shape[:2], height, width))
    # In pieces: the float32 copy of a whole data set is four times its size.
    for target, part in zip(resized.split(CHUNK), images.split(CHUNK), strict=True):
        scaled = functional.interpolate(part.float(), (rows, columns), mode="bilinear", antialias=True)
        target.copy_(scaled[..., top : top + height, left : left + width].round_().clamp_(0, 255))
    return resized


def covering(height: int, width: int, target_height: int, target_width: int) -> tuple[int, int]:
    """The smallest size with the proportions of height x width that covers the target."""
    scale = max(target_height / height, target_width / width)
    return max(target_height, round(height * scale)), max(target_width, round(width * scale))
