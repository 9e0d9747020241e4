"""RandAugment (Cubuk et al., arXiv 1909.13719) and colour jitter: a few operations on each image, image by image its own.

The random numbers are drawn beforehand; the images are then taken in groups that get the same operation, on their device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from scansearch.data import pixel_operations as pixels
from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.random_boxes import uniform
from scansearch.errors import ScansearchError

GREY = 128
"""What comes in from outside where the mean colour is not known."""


class Step(NamedTuple):
    """An operation, and its argument for signed shares (n,) of the largest magnitude."""

    run: pixels.Operation
    argument: Callable[[torch.Tensor], torch.Tensor] = lambda share: share


def _times(most: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda share: most * share


def _whole(most: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda share: (most * share.abs()).floor()


def _more_or_less(share: torch.Tensor) -> torch.Tensor:
    return (1 + 0.9 * share).clamp(min=0.1)


def _up_to_twice(share: torch.Tensor) -> torch.Tensor:
    return 1.8 * share.abs() + 0.1


_SAME = (Step(pixels.auto_contrast), Step(pixels.equalize), Step(pixels.invert), Step(pixels.rotate, _times(30)))
_MOVED = (
    Step(pixels.shear_x, _times(0.3)),
    Step(pixels.shear_y, _times(0.3)),
    Step(pixels.translate_x, _times(0.45)),
    Step(pixels.translate_y, _times(0.45)),
)
_ENHANCED = (pixels.color, pixels.contrast, pixels.brightness, pixels.sharpness)
TIMM = (
    *_SAME,
    Step(pixels.posterize, lambda share: 4 - (4 * share.abs()).floor()),
    Step(pixels.solarize, lambda share: 256 - (256 * share.abs()).floor()),
    Step(pixels.solarize_add, _whole(110)),
    *(Step(run, _more_or_less) for run in _ENHANCED),
    *_MOVED,
)
LOCALMAMBA = (
    Step(lambda images, *_: images),  # its grid distortion has one cell, and does nothing, below magnitude 10
    Step(pixels.zoom, lambda share: 0.4 * share.abs()),
    Step(pixels.blur, _times(0.5)),
    Step(pixels.skew, _times(0.3)),
    *_SAME,
    Step(pixels.posterize, _whole(4)),
    Step(pixels.solarize, _whole(256)),
    Step(pixels.solarize_add, _whole(110)),
    *(Step(run, _up_to_twice) for run in _ENHANCED),
    *_MOVED,
)
FORMS = {"timm": TIMM, "localmamba": LOCALMAMBA}
LARGEST = {"timm": 1.0, "localmamba": 2.0}
"""Largest share of magnitude 10. LocalMamba's code has no bound; twice is 22 standard deviations of its own away."""
APPLIED = 0.5
"""Probability that an operation that was drawn for an image is applied, in both codes."""
JITTER = (Step(pixels.brightness), Step(pixels.contrast), Step(pixels.color))


def rand_augment_draws(
    batch: int, settings: AugmentSettings, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws what RandAugment does to a batch.

    Args:
        batch: Images B.
        settings: ``rand_augment`` and what belongs to it.
        generator: Source of randomness.

    Returns:
        Operations by their place in the form's table, int64 (B, n), -1 for none; and shares of magnitude 10, signed, (B, n).
    """
    shape, form = (batch, settings.rand_augment_count), settings.rand_augment_form
    steps = torch.randint(len(FORMS[form]), shape, generator=generator)
    steps = torch.where(uniform(shape, generator) < APPLIED, steps, -1)
    magnitude = settings.rand_augment + settings.rand_augment_std * torch.randn(shape, generator=generator)
    share = (magnitude / 10).clamp(0, LARGEST[form])
    return steps, torch.where(uniform(shape, generator) < 0.5, share, -share)


def jitter_draws(batch: int, most: float, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws colour jitter: brightness, contrast and saturation in random order, each times 1 - most to 1 + most.

    Returns:
        Operations by their place in ``JITTER``, int64 (B, 3), and factors, (B, 3).
    """
    return uniform((batch, 3), generator).argsort(1), uniform((batch, 3), generator, 1 - most, 1 + most)


def run_steps(
    images: torch.Tensor, steps: torch.Tensor, shares: torch.Tensor, table: Sequence[Step], mean: Sequence[float]
) -> torch.Tensor:
    """Does to each image its operations, one after the other.

    Args:
        images: Bytes, (B, C, H, W); not changed.
        steps: Places in the table, int64 (B, n), on the CPU: so groups are formed without waiting for the device.
        shares: What the arguments are made of, (B, n), on the CPU.
        table: The operations.
        mean: Mean colour, 0 to 1, of which channels are filled where something comes in from outside; grey if it is empty.

    Raises:
        ScansearchError: If the images are not bytes.
    """
    check_bytes(images)
    images, levels = images.clone(), [round(255 * value) for value in mean] or [GREY] * images.shape[1]
    fill = torch.tensor(levels, device=images.device)
    for step, share in zip(steps.unbind(1), shares.double().unbind(1), strict=True):
        for place, (run, argument) in enumerate(table):
            rows = (step == place).nonzero().flatten()
            if len(rows):
                there = rows.to(images.device)
                images.index_copy_(0, there, run(images[there], argument(share[rows]), fill))
    return images


def check_bytes(images: torch.Tensor) -> None:
    """Checks that RandAugment and colour jitter are defined for images.

    Raises:
        ScansearchError: If they are not bytes.
    """
    if images.dtype != torch.uint8:
        raise ScansearchError(
            f"RandAugment and jitter change grey levels of bytes, 0 to 255, but these images are {images.dtype}; use "
            "--set rand_augment=0 --set jitter=0"
        )
