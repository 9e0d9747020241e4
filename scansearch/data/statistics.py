"""Mean and standard deviation of a data set's channels."""

from __future__ import annotations

import numpy as np

from scansearch.data.pixels import CHUNK, unit_of
from scansearch.data.splits import Split
from scansearch.lazy import torch

PIECE = 64
SAMPLE = 2048
EPSILON = float(np.finfo(np.float32).eps)


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
