"""Mixup and cutmix: each image is blended with another of its batch, and so are the targets."""

from __future__ import annotations

import torch

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.random_boxes import box_mask, uniform


def mixing_draws(
    batch: int, height: int, width: int, settings: AugmentSettings, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws how a batch is mixed.

    Args:
        batch: Images B.
        height: Rows of the images.
        width: Columns of the images.
        settings: Which of the two, how strong and how often.
        generator: Source of randomness.

    Returns:
        The share of every pixel that an image keeps, (B, H, W), and the image that gives the rest, int64 (B,).
    """
    together = settings.mix_together
    own = _own_share(-(-batch // together), height, width, settings, generator).repeat_interleave(together, dim=0)
    return own[:batch], torch.randperm(batch, generator=generator, device=generator.device)


def mix(
    images: torch.Tensor, targets: torch.Tensor, own: torch.Tensor, partner: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Blends every image with a partner; an image's own share of the pixels is also its share of the target.

    Mixup (Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018) gives every pixel the same share, cutmix
    (Yun et al., "CutMix", 2019) gives a rectangle to the partner. Both are one mask of shares.

    Args:
        images: (B, C, H, W).
        targets: Probabilities, (B, classes).
        own: Share of each pixel that an image keeps, (B, H, W).
        partner: The image that gives the rest, int64 (B,).

    Returns:
        Images and probabilities of the same shapes.
    """
    mask, share = own[:, None].to(images), own.mean(dim=(1, 2))[:, None].to(targets)
    return images * mask + images[partner] * (1 - mask), targets * share + targets[partner] * (1 - share)


def _own_share(
    batch: int, height: int, width: int, settings: AugmentSettings, generator: torch.Generator
) -> torch.Tensor:
    own = torch.ones(batch, height, width, device=generator.device)
    mixed = uniform((batch,), generator) < settings.mix_probability
    cut_share = settings.cutmix_share if settings.mixup > 0 else 1.0
    cut = mixed & (uniform((batch,), generator) < (cut_share if settings.cutmix > 0 else 0.0))
    if settings.mixup > 0:
        blend = symmetric_beta(batch, settings.mixup, generator)
        own = torch.where((mixed & ~cut)[:, None, None], blend[:, None, None], own)
    if settings.cutmix > 0:
        area = 1 - symmetric_beta(batch, settings.cutmix, generator)
        boxes = box_mask(area, height, width, generator)
        own = torch.where(cut[:, None, None], (~boxes).to(own), own)
    return own


def symmetric_beta(count: int, alpha: float, generator: torch.Generator) -> torch.Tensor:
    """Draws from Beta(alpha, alpha) through its quantile function, one uniform number each.

    torch's own distribution takes no generator.

    Returns:
        float32 of shape (count,), between 0 and 1.
    """
    drawn = uniform((count,), generator)
    if alpha == 1:
        return drawn
    from scipy.special import betaincinv  # imported here: most runs do not mix

    return torch.as_tensor(betaincinv(alpha, alpha, drawn.double().cpu().numpy())).to(drawn)
