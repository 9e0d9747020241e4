"""Random numbers and random rectangles, one for each image of a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


def uniform(shape: Sequence[int], generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    """float32 numbers between ``low`` and ``high``, on the generator's device."""
    return low + (high - low) * torch.rand(*shape, generator=generator, device=generator.device)


def box_mask(
    area: torch.Tensor, height: int, width: int, generator: torch.Generator, *, max_aspect: float = 1.0
) -> torch.Tensor:
    """A random rectangle for each image, anywhere inside it.

    Args:
        area: Share of the image each rectangle should cover, (B,); the sides are rounded to pixels.
        height: Rows of the images.
        width: Columns of the images.
        generator: Source of randomness.
        max_aspect: Height over width of the rectangle, relative to that of the image, lies between 1 / max_aspect and
            max_aspect, evenly on a logarithmic scale.

    Returns:
        bool of shape (B, height, width), True inside.
    """
    bound = math.log(max_aspect)
    stretch = uniform(area.shape, generator, -bound, bound).mul_(0.5).exp_()
    side = area.sqrt()
    rows = _interval(side * stretch, height, generator)
    columns = _interval(side / stretch, width, generator)
    return rows[:, :, None] & columns[:, None, :]


def _interval(share: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
    length = (share * size).round().clamp(0, size)
    # The floor of u * (n + 1) is n + 1 if rounding makes the product the whole: hence the bound.
    start = (uniform(share.shape, generator) * (size - length + 1)).floor().minimum(size - length)
    places = torch.arange(size, device=share.device)
    return (places >= start[:, None]) & (places < (start + length)[:, None])
