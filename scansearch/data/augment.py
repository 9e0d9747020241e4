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
from scansearch.data.dense import IGNORED
from scansearch.data.mixup import mix, mixing_draws
from scansearch.data.rand_augment import FORMS, JITTER, jitter_draws, rand_augment_draws, run_steps
from scansearch.data.random_boxes import box_mask, uniform
from scansearch.data.random_crop import crop, crop_draws, crop_nearest
from scansearch.errors import ScansearchError


class Draws(NamedTuple):
    """The random numbers of a batch; ``None`` for what is not done.

    Args:
        parts: Top, left, height and width of what becomes the image, int64 (B, 4).
        steps: Operations of RandAugment, int64 (B, n).
        shares: How strong they are, (B, n).
        jitters: Operations of colour jitter, int64 (B, 3).
        factors: Their factors, (B, 3).
        rows: Row that each row of an image comes from, int64 (B, H); outside of it where the shift brings something in.
        columns: The same of columns, (B, W).
        contrast: Factor of the contrast, (B, 1, 1, 1).
        brightness: What is added, (B, 1, 1, 1).
        boxes: Where images are erased, bool (B, H, W).
        noise: What fills the boxes, (B, C, H, W); zeros if it is ``None``.
        own: Share of each pixel that an image keeps when it is mixed, (B, H, W).
        partner: The image that gives the rest, int64 (B,).
    """

    parts: torch.Tensor | None = None
    steps: torch.Tensor | None = None
    shares: torch.Tensor | None = None
    jitters: torch.Tensor | None = None
    factors: torch.Tensor | None = None
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
    """Augments batches: first the images as they are stored, then, once they are normalised, images and targets.

    Args:
        settings: What is done.
        num_classes: Number of classes, for soft targets.
        mean: Mean colour, 0 to 1, of images of bytes: what RandAugment brings in from outside; grey if it is empty.
    """

    def __init__(self, settings: AugmentSettings, num_classes: int, mean: Sequence[float] = ()) -> None:
        self.settings, self.num_classes, self.mean = settings, num_classes, mean

    def __call__(
        self, images: torch.Tensor, labels: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Draws and applies: augments one batch that needs no normalisation.

        Args:
            images: Floating point, (B, C, H, W); not changed.
            labels: int64 of shape (B,), or (B, H, W) with a class for each pixel.
            generator: The only source of randomness.

        Returns:
            Images of the same shape and type; targets, which are ``labels``, or float32 probabilities of shape
            (B, num_classes) if the settings mix images.
        """
        self.check_targets(labels)
        draws = self.draw(images.shape, generator)
        images = self.change(images, draws)
        return self.apply(images, labels, draws.map(lambda tensor: tensor.to(images.device)))

    def draw(self, shape: Sequence[int], generator: torch.Generator) -> Draws:
        """The random numbers for images of ``shape`` (B, C, H, W), on the generator's device."""
        batch, _, height, width = shape
        settings, draws = self.settings, Draws()
        if settings.crop_min < 1:
            draws = draws._replace(parts=crop_draws(batch, height, width, settings.crop_min, generator))
        if settings.rand_augment > 0:
            steps, shares = rand_augment_draws(batch, settings, generator)
            draws = draws._replace(steps=steps, shares=shares)
        if settings.jitter > 0:
            jitters, factors = jitter_draws(batch, settings.jitter, generator)
            draws = draws._replace(jitters=jitters, factors=factors)
        rows, columns = _moves(batch, height, width, settings, generator)
        contrast, brightness = _tones(batch, settings, generator)
        boxes, noise = _erasures(shape, settings, generator)
        own, partner = mixing_draws(batch, height, width, settings, generator) if settings.mixes else (None,) * 2
        return draws._replace(
            rows=rows,
            columns=columns,
            contrast=contrast,
            brightness=brightness,
            boxes=boxes,
            noise=noise,
            own=own,
            partner=partner,
        )

    def change(self, images: torch.Tensor, draws: Draws) -> torch.Tensor:
        """The first half, before images are normalised: what moves pixels, and what is published for bytes.

        Args:
            images: As they are stored, (B, C, H, W), on any device; not changed.
            draws: What ``draw`` gave for them, on the CPU.

        Returns:
            Images of the same shape and type.

        Raises:
            ScansearchError: If RandAugment or jitter is asked for, and they are not bytes.
        """
        images = move(crop(images, draws.parts), draws)
        if draws.steps is not None and draws.shares is not None:
            images = run_steps(images, draws.steps, draws.shares, FORMS[self.settings.rand_augment_form], self.mean)
        if draws.jitters is not None and draws.factors is not None:
            images = run_steps(images, draws.jitters, draws.factors, JITTER, self.mean)
        return images

    def apply(self, images: torch.Tensor, labels: torch.Tensor, draws: Draws) -> tuple[torch.Tensor, torch.Tensor]:
        """The second half, of normalised images; ``draws`` are on their device. What is returned is said in ``__call__``."""
        if self.settings.shift_fill == "mean":
            images = blank(images, draws)
        images = erase(toned(images, draws), draws)
        if labels.ndim > 1:
            return images, move_targets(labels, draws, blanked=self.settings.shift_fill == "mean")
        if draws.own is None or draws.partner is None:
            return images, labels
        return mix(images, functional.one_hot(labels, self.num_classes).float(), draws.own, draws.partner)

    def check_targets(self, labels: torch.Tensor) -> None:
        """Checks that the settings do nothing that masks cannot follow if ``labels`` have a class for each pixel, (B, H, W).

        Raises:
            ScansearchError: If they do.
        """
        if labels.ndim > 1:
            check_dense(self.settings)


def check_dense(settings: AugmentSettings) -> None:
    """Checks that masks can follow what is done to their images.

    Raises:
        ScansearchError: If not: operations of RandAugment move pixels each in a way of its own, and mixed pixels have no one class.
    """
    names = [name for name in ("rand_augment", "mixup", "cutmix") if getattr(settings, name) > 0]
    if names:
        raise ScansearchError(
            f"a mask follows its image where it is cropped, shifted and mirrored, but not through {' and '.join(names)}; use "
            f"{' '.join(f'--set {name}=0' for name in names)}"
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


def move(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Shifts and mirrors every image by itself; both are one gather. The edge comes in from outside."""
    if draws.rows is None or draws.columns is None:
        return images
    rows, columns = (index.to(images.device, non_blocking=True) for index in (draws.rows, draws.columns))
    batch, channels, height, width = images.shape
    index = rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
    return images.flatten(2).gather(2, index.view(batch, 1, -1).expand(-1, channels, -1)).view_as(images)


def move_targets(targets: torch.Tensor, draws: Draws, *, blanked: bool) -> torch.Tensor:
    """Classes of pixels (B, H, W) cropped, shifted and mirrored as their images; ``blanked`` ignores what came in from outside."""
    targets = move(crop_nearest(targets, draws.parts)[:, None], draws)[:, 0]
    inside = _all_inside(draws, targets.shape[1:]) if blanked else None
    return targets if inside is None else torch.where(inside, targets, IGNORED)


def blank(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """Zeroes what a shift brought in from outside: normalised images then have their mean colour there."""
    inside = _all_inside(draws, images.shape[2:])
    return images if inside is None else images * inside[:, None].to(images)


def _all_inside(draws: Draws, size: Sequence[int]) -> torch.Tensor | None:
    """Which pixels (B, H, W) a shift did not bring in from outside; ``None`` is all."""
    if draws.rows is None or draws.columns is None:
        return None
    return _inside(draws.rows, size[0])[:, :, None] & _inside(draws.columns, size[1])[:, None, :]


def _inside(index: torch.Tensor, size: int) -> torch.Tensor:
    return (index >= 0) & (index < size)


def _tones(
    batch: int, settings: AugmentSettings, generator: torch.Generator
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    def between(low: float, high: float) -> torch.Tensor:
        return uniform((batch, 1, 1, 1), generator, low, high)

    contrast = between(1 - settings.contrast, 1 + settings.contrast) if settings.contrast > 0 else None
    return contrast, between(-settings.brightness, settings.brightness) if settings.brightness > 0 else None


def toned(images: torch.Tensor, draws: Draws) -> torch.Tensor:
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
