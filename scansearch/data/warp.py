"""Resampling of images of a batch, each by a map of its own, with the arithmetic of Pillow, which published recipes use."""

from __future__ import annotations

from typing import NamedTuple

import torch

UPWARDS = 5
"""Source pixels that count for one of an image that is scaled up."""


class Span(NamedTuple):
    """What a row, or a column, of each of B resampled images is made of.

    Args:
        centre: Place of each of O output pixels in the source, in pixels from the beginning of the span, (B, O).
        scale: Source pixels an output pixel, (B, 1).
        start: First source pixel of the span, int64 (B, 1).
        length: Source pixels of the span, int64 (B, 1); those outside count for nothing.
    """

    centre: torch.Tensor
    scale: torch.Tensor
    start: torch.Tensor
    length: torch.Tensor


def resample(images: torch.Tensor, rows: Span, columns: Span, taps: int = UPWARDS) -> torch.Tensor:
    """Scales images as Pillow's ``resize`` does: cubic convolution (a = -0.5), wider where it scales down, columns first.

    Args:
        images: Bytes, or floating point, (B, C, H, W); bytes are rounded after each of the two passes.
        rows: What the rows of the result are made of.
        columns: The same of the columns.
        taps: How many source pixels count for an output pixel at most: ``UPWARDS``, or what ``taps_of`` says.

    Returns:
        The same type, (B, C, rows, columns).
    """
    return _along(2, _along(3, images, columns, taps), rows, taps)


def taps_of(scale: float) -> int:
    """How many source pixels count for one output pixel where each stands for ``scale`` of them."""
    return 2 * int(-(-2 * max(scale, 1.0) // 1)) + 1


def _along(dim: int, images: torch.Tensor, span: Span, taps: int) -> torch.Tensor:
    width = span.scale.clamp(min=1)
    first = (span.centre - 2 * width + 0.5).floor().clamp(min=0)
    last = (span.centre + 2 * width + 0.5).floor().minimum(span.length)
    total, result = torch.zeros_like(first), torch.zeros((), device=images.device)
    for tap in range(taps):
        place = first + tap
        weight = _cubic((place - span.centre + 0.5) / width) * (place < last)
        source = span.start + place.long().minimum(span.length - 1)
        total = total + weight
        result = result + _placed(weight, dim) * _taken(images, source, dim)
    return rounded(result / _placed(total, dim), images.dtype)


def _cubic(x: torch.Tensor) -> torch.Tensor:
    x = x.abs()
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


def _taken(images: torch.Tensor, source: torch.Tensor, dim: int) -> torch.Tensor:
    shape = list(images.shape)
    shape[dim] = source.shape[1]
    return images.gather(dim, _placed(source, dim).expand(shape))


def _placed(values: torch.Tensor, dim: int) -> torch.Tensor:
    """(B, O) along the rows or columns of images."""
    return values[:, None, None, :] if dim == 3 else values[:, None, :, None]


def rounded(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Values in a type: for bytes the nearest grey level."""
    return (values + 0.5).floor().clamp(0, 255).to(dtype) if dtype == torch.uint8 else values.to(dtype)


def project(images: torch.Tensor, maps: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    """Shows images through projective maps as Pillow's ``transform`` does: cubic convolution (a = -1) of 4 x 4 pixels, cut off.

    Args:
        images: Bytes, (B, C, H, W).
        maps: From places (x, y, 1) in the result to places in the image, up to a factor, float64 (B, 3, 3); pixel centres are
            at 0.5, 1.5 and so on.
        fill: Grey levels of the channels where a map leads out of the image, (C,).

    Returns:
        Bytes of the same shape.
    """
    _, _, height, width = images.shape
    maps = maps.to(torch.float32).to(images.device)[..., None, None]
    y, x = (torch.arange(size, device=images.device) + 0.5 for size in (height, width))
    across, down, depth = (row[:, 0] * x + row[:, 1] * y[:, None] + row[:, 2] for row in maps.unbind(1))
    across, down = across / depth, down / depth  # (B, H, W)
    inside = (across >= 0) & (across < width) & (down >= 0) & (down < height)
    left, top = (across - 0.5).floor(), (down - 0.5).floor()
    row_weights, column_weights = _four(down - 0.5 - top), _four(across - 0.5 - left)
    result = torch.zeros((), device=images.device)
    for i, row_weight in enumerate(row_weights):
        start = (top.long() + (i - 1)).clamp(0, height - 1) * width
        for j, column_weight in enumerate(column_weights):
            index = start + (left.long() + (j - 1)).clamp(0, width - 1)
            pixels = images.flatten(2).gather(2, index.flatten(1)[:, None].expand(-1, images.shape[1], -1))
            result = result + (row_weight * column_weight)[:, None] * pixels.view_as(images)
    seen = result.clamp(0, 255).to(torch.uint8)
    return torch.where(inside[:, None], seen, fill.to(seen)[:, None, None])


def _four(d: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Weights of four neighbours, of which the second lies ``d`` before the place."""
    return ((2 - d) * d - 1) * d, (d - 2) * d * d + 1, ((1 - d) * d + 1) * d, (d - 1) * d * d
