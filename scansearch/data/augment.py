"""Augmentation of a batch: a pure function of the images, the labels and one generator, with no loop over images."""

from __future__ import annotations

import torch
from torch.nn import functional

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.mixing import mix
from scansearch.data.random_boxes import box_mask, uniform
from scansearch.errors import ScansearchError


class Augmentation:
    """Augments batches of normalised images.

    Every random number comes from the generator of the call and is drawn on the generator's device: a generator on the
    CPU gives the same augmentation whatever device the images are on.

    Args:
        settings: What is done.
        num_classes: Number of classes, for soft targets.
    """

    def __init__(self, settings: AugmentSettings, num_classes: int) -> None:
        self.settings = settings
        self.num_classes = num_classes

    def __call__(
        self, images: torch.Tensor, labels: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Augments one batch.

        Args:
            images: Normalised, floating point, (B, C, H, W); not changed.
            labels: int64 of shape (B,), or (B, H, W) with a class for each pixel.
            generator: The only source of randomness.

        Returns:
            Images of the same shape and type; targets, which are ``labels``, or float32 probabilities of shape
            (B, num_classes) if the settings mix images.
        """
        if labels.ndim > 1:
            return jitter(images, self._dense(), generator), labels
        images = move(images, self.settings, generator)
        images = jitter(images, self.settings, generator)
        images = erase(images, self.settings, generator)
        if not self.settings.mixes:
            return images, labels
        return mix(images, functional.one_hot(labels, self.num_classes).float(), self.settings, generator)

    def _dense(self) -> AugmentSettings:
        off = {"shift": 0.0, "flip": 0.0, "erase": 0.0, "mixup": 0.0, "cutmix": 0.0}
        if wrong := [name for name in off if getattr(self.settings, name)]:
            raise ScansearchError(
                f"with a target for each pixel only brightness and contrast can be augmented, but {wrong[0]} is "
                f"{getattr(self.settings, wrong[0])}; use --set {wrong[0]}=0"
            )
        return self.settings


def move(images: torch.Tensor, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    """Shifts and mirrors every image by itself; both are one gather."""
    if settings.shift == 0 and settings.flip == 0:
        return images
    batch, channels, height, width = images.shape
    rows = _shifted(batch, height, settings.shift, generator)
    columns = _shifted(batch, width, settings.shift, generator)
    mirrored = uniform((batch, 1), generator) < settings.flip
    columns = torch.where(mirrored, columns.flip(1), columns)
    inside = _inside(rows, height)[:, :, None] & _inside(columns, width)[:, None, :]
    index = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
    index = index.to(images.device).view(batch, 1, -1).expand(-1, channels, -1)
    moved = images.flatten(2).gather(2, index).view_as(images)
    return moved * inside[:, None].to(moved) if settings.shift_fill == "mean" else moved


def _shifted(batch: int, size: int, share: float, generator: torch.Generator) -> torch.Tensor:
    most = round(share * size)
    offset = torch.randint(-most, most + 1, (batch, 1), generator=generator, device=generator.device)
    return torch.arange(size, device=generator.device) + offset


def _inside(index: torch.Tensor, size: int) -> torch.Tensor:
    return (index >= 0) & (index < size)


def jitter(images: torch.Tensor, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    """Changes brightness and contrast of every image by itself; contrast about the image's own mean."""
    shape = (len(images), 1, 1, 1)
    if settings.contrast > 0:
        factor = uniform(shape, generator, 1 - settings.contrast, 1 + settings.contrast).to(images)
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images = mean + factor * (images - mean)
    if settings.brightness > 0:
        images = images + uniform(shape, generator, -settings.brightness, settings.brightness).to(images)
    return images


def erase(images: torch.Tensor, settings: AugmentSettings, generator: torch.Generator) -> torch.Tensor:
    """Fills a random rectangle of some images (Zhong et al., "Random Erasing Data Augmentation", 2020)."""
    if settings.erase == 0:
        return images
    batch, _, height, width = images.shape
    area = uniform((batch,), generator, settings.erase_min, settings.erase_max)
    boxes = box_mask(area, height, width, generator, max_aspect=3.3)
    boxes &= (uniform((batch,), generator) < settings.erase)[:, None, None]
    fill = torch.zeros((), dtype=images.dtype, device=images.device)
    if settings.erase_fill == "noise":
        fill = torch.randn(images.shape, generator=generator, device=generator.device).to(images)
    return torch.where(boxes[:, None].to(images.device), fill, images)
