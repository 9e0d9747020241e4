"""Augmentation of a batch: a pure function of the images, the labels and one generator, with no loop over images.

It has two halves: the random numbers, which are drawn beforehand (on a CPU, whatever device the images go to), and what is done
to the images with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch.nn import functional

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.mixup import mix, mixing_draws
from scansearch.data.random_boxes import box_mask, uniform
from scansearch.errors import ScansearchError


class Draws(NamedTuple):
    """The random numbers of a batch; ``None`` for what is not done.

    Args:
        rows: Row that each row of an image comes from, int64 (B, H); outside of it where the shift brings something in.
        columns: The same of columns, (B, W).
        contrast: Factor of the contrast, (B, 1, 1, 1).
        brightness: What is added, (B, 1, 1, 1).
        boxes: Where images are erased, bool (B, H, W).
        noise: What fills the boxes, (B, C, H, W); zeros if it is ``None``.
        own: Share of each pixel that an image keeps when it is mixed, (B, H, W).
        partner: The image that gives the rest, int64 (B,).
    """

    rows: torch.Tensor | None = None
    columns: torch.Tensor | None = None
    contrast: torch.Tensor | None = None
    brightness: torch.Tensor | None = None
    boxes: torch.Tensor | None = None
    noise: torch.Tensor | None = None
    own: torch.Tensor | None = None
    partner: torch.Tensor | None = None

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Draws:
        """The draws with ``change`` of every tensor, such as a copy on another device."""
        return Draws(*(None if tensor is None else change(tensor) for tensor in self))


class Augmentation:
    """Augments batches of normalised images.

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
        """Draws and applies: augments one batch.

        Args:
            images: Normalised, floating point, (B, C, H, W); not changed.
            labels: int64 of shape (B,), or (B, H, W) with a class for each pixel.
            generator: The only source of randomness.

        Returns:
            Images of the same shape and type; targets, which are ``labels``, or float32 probabilities of shape
            (B, num_classes) if the settings mix images.
        """
        self.check_targets(labels)
        draws = self.draw(images.shape, generator)
        return self.apply(images, labels, draws.map(lambda tensor: tensor.to(images.device)))

    def draw(self, shape: Sequence[int], generator: torch.Generator) -> Draws:
        """The random numbers for images of ``shape`` (B, C, H, W), on the generator's device."""
        batch, _, height, width = shape
        rows, columns = _moves(batch, height, width, self.settings, generator)
        contrast, brightness = _jitters(batch, self.settings, generator)
        boxes, noise = _erasures(shape, self.settings, generator)
        own, partner = (
            mixing_draws(batch, height, width, self.settings, generator) if self.settings.mixes else (None,) * 2
        )
        return Draws(rows, columns, contrast, brightness, boxes, noise, own, partner)

    def apply(self, images: torch.Tensor, labels: torch.Tensor, draws: Draws) -> tuple[torch.Tensor, torch.Tensor]:
        """Augments one batch by numbers that were drawn before and lie on the device of the images; the rest as ``__call__``."""
        images = move(images, draws, self.settings.shift_fill)
        images = erase(jitter(images, draws), draws)
        if draws.own is None or draws.partner is None:
            return images, labels
        return mix(images, functional.one_hot(labels, self.num_classes).float(), draws.own, draws.partner)

    def check_targets(self, labels: torch.Tensor) -> None:
        """Checks that the settings leave pixels in their places if ``labels`` have a class for each pixel, (B, H, W).

        Raises:
            ScansearchError: If they do not.
        """
        if labels.ndim == 1:
            return
        off = {"shift": 0.0, "flip": 0.0, "erase": 0.0, "mixup": 0.0, "cutmix": 0.0}
        if wrong := [name for name in off if getattr(self.settings, name)]:
            raise ScansearchError(
                f"with a target for each pixel only brightness and contrast can be augmented, but {wrong[0]} is "
                f"{getattr(self.settings, wrong[0])}; use --set {wrong[0]}=0"
            )


def _moves(
    batch: int, height: int, width: int, settings: AugmentSettings, generator: torch.Generator
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    if settings.shift == 0 and settings.flip == 0:
        return None, None
    rows = _shifted(batch, height, settings.shift, generator)
    columns = _shifted(batch, width, settings.shift, generator)
    mirrored = uniform((batch, 1), generator) < settings.flip
    return rows, torch.where(mirrored, columns.flip(1), columns)


def _shifted(batch: int, size: int, share: float, generator: torch.Generator) -> torch.Tensor:
    most = round(share * size)
    offset = torch.randint(-most, most + 1, (batch, 1), generator=generator, device=generator.device)
    return torch.arange(size, device=generator.device) + offset


def move(images: torch.Tensor, draws: Draws, fill: str) -> torch.Tensor:
    """Shifts and mirrors every image by itself; both are one gather."""
    rows, columns = draws.rows, draws.columns
    if rows is None or columns is None:
        return images
    batch, channels, height, width = images.shape
    index = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
    moved = images.flatten(2).gather(2, index.view(batch, 1, -1).expand(-1, channels, -1)).view_as(images)
    if fill != "mean":
        return moved
    inside = _inside(rows, height)[:, :, None] & _inside(columns, width)[:, None, :]
    return moved * inside[:, None].to(moved)


def _inside(index: torch.Tensor, size: int) -> torch.Tensor:
    return (index >= 0) & (index < size)


def _jitters(
    batch: int, settings: AugmentSettings, generator: torch.Generator
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    def between(low: float, high: float) -> torch.Tensor:
        return uniform((batch, 1, 1, 1), generator, low, high)

    contrast = between(1 - settings.contrast, 1 + settings.contrast) if settings.contrast > 0 else None
    return contrast, between(-settings.brightness, settings.brightness) if settings.brightness > 0 else None


def jitter(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Changes brightness and contrast of every image by itself; contrast about the image's own mean."""
    if draws.contrast is not None:
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images = mean + draws.contrast.to(images) * (images - mean)
    return images if draws.brightness is None else images + draws.brightness.to(images)


def _erasures(
    shape: Sequence[int], settings: AugmentSettings, generator: torch.Generator
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Random rectangles of some images (Zhong et al., "Random Erasing Data Augmentation", 2020)."""
    if settings.erase == 0:
        return None, None
    batch, _, height, width = shape
    area = uniform((batch,), generator, settings.erase_min, settings.erase_max)
    boxes = box_mask(area, height, width, generator, max_aspect=3.3)
    boxes &= (uniform((batch,), generator) < settings.erase)[:, None, None]
    noisy = settings.erase_fill == "noise"
    return boxes, torch.randn(*shape, generator=generator, device=generator.device) if noisy else None


def erase(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Fills the boxes of the images."""
    if draws.boxes is None:
        return images
    fill = torch.zeros((), dtype=images.dtype, device=images.device) if draws.noise is None else draws.noise.to(images)
    return torch.where(draws.boxes[:, None], fill, images)
