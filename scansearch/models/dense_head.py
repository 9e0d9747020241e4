"""The head for a class of every pixel: U-shaped, on the feature maps of any family."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from scansearch.models.dense_size import GROUPS, STEM, WIDTH
from scansearch.shape import ImageShape


class DenseHead(nn.Module):
    """Walks from the coarsest map to the finest and to the image itself: scales up, joins, convolves.

    The maps are those of a network's stages, or the one map of a network that has but one; the way up is that of a U-Net
    (Ronneberger et al., arXiv 1505.04597), with few channels.

    Args:
        widths: Channels of each map, finest first.
        shape: The images and the classes.
    """

    def __init__(self, widths: Sequence[int], shape: ImageShape) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(1, width) for width in widths)
        self.stem = _convolution(shape.channels, STEM)
        self.enter = nn.Conv2d(widths[-1], WIDTH, 1)
        self.merges = nn.ModuleList(_convolution(WIDTH + width, WIDTH) for width in (*widths[-2::-1], STEM))
        self.classes = nn.Conv2d(WIDTH, shape.classes, 1)

    def forward(self, images: torch.Tensor, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Logits (B, classes, H, W).

        Args:
            images: (B, C, H, W).
            maps: (B, width, h, w) each, finest first.
        """
        *finer, coarsest = [norm(features) for norm, features in zip(self.norms, maps, strict=True)]
        x = self.enter(coarsest)
        for merge, skip in zip(self.merges, [*reversed(finer), self.stem(images)], strict=True):
            scaled = F.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=False)
            x = merge(torch.cat([scaled, skip], dim=1))
        return self.classes(x)


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.GroupNorm(GROUPS, outputs), nn.GELU())
