"""Random resized crops: a part of an image, scaled up to its size."""

from __future__ import annotations

import math

import torch

from scansearch.data.random_boxes import uniform
from scansearch.data.warp import Span, resample

LARGEST_ASPECT = 4 / 3
ATTEMPTS = 10


def crop_draws(batch: int, height: int, width: int, smallest: float, generator: torch.Generator) -> torch.Tensor:
    """Draws a part of each image: its area is even between ``smallest`` and 1 of the image, its aspect between 3:4 and 4:3.

    As torchvision's ``RandomResizedCrop`` and timm's: the first of ten rectangles that fits, else the largest in the middle.

    Args:
        batch: Images B.
        height: Rows of the images.
        width: Columns of the images.
        smallest: Smallest area, as a share of the image.
        generator: Source of randomness.

    Returns:
        Top, left, height and width in pixels, int64 (B, 4).
    """
    return fit_crops(crop_numbers(batch, smallest, generator), height, width)


def crop_numbers(batch: int, smallest: float, generator: torch.Generator) -> torch.Tensor:
    """The random numbers of ``crop_draws``, (B, 22), before it is known how large each image is."""
    area = uniform((batch, ATTEMPTS), generator, smallest, 1.0)
    bound = math.log(LARGEST_ASPECT)
    aspect = uniform((batch, ATTEMPTS), generator, -bound, bound).exp()
    return torch.cat([area, aspect, uniform((batch, 2), generator)], dim=1)


def fit_crops(numbers: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The parts that ``crop_numbers`` (B, 22) mean in images of height x width: as ``crop_draws``."""
    share, aspect, place = numbers.split([ATTEMPTS, ATTEMPTS, 2], dim=1)
    area = share * (height * width)
    sides = torch.stack([(area / aspect).sqrt(), (area * aspect).sqrt()], dim=2).round()
    size = torch.tensor([height, width])
    fits = ((sides >= 1) & (sides <= size)).all(dim=2)
    first = sides[torch.arange(len(numbers)), fits.int().argmax(dim=1)]
    middle = size.minimum(size.flip(0) * LARGEST_ASPECT).round()
    fit = fits.any(dim=1, keepdim=True)
    sides = torch.where(fit, first, middle)
    free = size - sides
    corner = torch.where(fit, (place * (free + 1)).floor().minimum(free), (free / 2).floor())
    return torch.cat([corner, sides], dim=1).long()


def crop(images: torch.Tensor, parts: torch.Tensor | None) -> torch.Tensor:
    """Scales parts of images (B, C, H, W), which ``crop_draws`` drew, up to H x W; bicubic."""
    if parts is None:
        return images
    top, left, height, width = parts.to(images.device, non_blocking=True)[..., None].unbind(1)
    return resample(images, _span(images.shape[2], top, height), _span(images.shape[3], left, width))


def crop_nearest(targets: torch.Tensor, parts: torch.Tensor | None) -> torch.Tensor:
    """The same of classes (B, H, W), which have no mean: each pixel is the one that it lies in."""
    if parts is None:
        return targets
    top, left, height, width = parts.to(targets.device, non_blocking=True)[..., None].unbind(1)
    rows, columns = _nearest(targets.shape[1], top, height), _nearest(targets.shape[2], left, width)
    return targets[torch.arange(len(targets), device=targets.device)[:, None, None], rows[:, :, None], columns[:, None]]


def _nearest(size: int, start: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    return start + (2 * torch.arange(size, device=length.device) + 1) * length // (2 * size)


def _span(size: int, start: torch.Tensor, length: torch.Tensor) -> Span:
    scale = length / size
    return Span((torch.arange(size, device=length.device) + 0.5) * scale, scale, start, length)
