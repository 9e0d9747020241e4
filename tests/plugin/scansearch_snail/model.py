"""A model family: recurrent layers over one grid of tokens, each scanned along the directions that a search chooses."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import nn

from scansearch.errors import ScansearchError
from scansearch.models import (
    Directions,
    ImageShape,
    LayerInfo,
    ModelOptions,
    ModelSpec,
    SearchableModel,
    SearchableScan,
)


class SlimeOptions(ModelOptions):
    """What can be set: --set takes it, and `scansearch models slime` lists it."""

    width: int = Field(8, ge=1, le=1024, description="Channels of a token.")
    depth: int = Field(2, ge=1, le=100, description="Layers.")
    patch_size: int = Field(2, ge=1, le=64, description="Pixels of a patch's side.")


class Recurrence(nn.Module):
    """Any mixer of sequences, (B, L, D) to (B, L, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.GRU(width, width, batch_first=True)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Mixes tokens along the sequence."""
        return self.mix(tokens)[0]


class Slime(nn.Module):
    """Images (B, C, H, W) to logits (B, classes)."""

    def __init__(self, options: SlimeOptions, candidates: Directions, shape: ImageShape, grid: tuple[int, int]) -> None:
        super().__init__()
        width, patch = options.width, options.patch_size
        self.embed = nn.Conv2d(shape.channels, width, patch, patch)
        self.scans = nn.ModuleList(SearchableScan(lambda: Recurrence(width), names, grid) for names in candidates)
        self.head = nn.Linear(width, shape.classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits of images."""
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        for scan in self.scans:
            tokens = tokens + scan(tokens)
        return self.head(tokens.mean(1))


class SlimeSpec(ModelSpec):
    """The family."""

    Options = SlimeOptions
    options: SlimeOptions

    def layers(self, shape: ImageShape) -> tuple[LayerInfo, ...]:
        """The layers: all on the grid of the patches."""
        patch = self.options.patch_size
        if shape.height % patch or shape.width % patch:
            raise ScansearchError(f"patch_size must divide the image, but {patch} does not divide {shape.size}")
        return (LayerInfo(0, (shape.height // patch, shape.width // patch)),) * self.options.depth

    def supernet(self, candidates: Directions, shape: ImageShape) -> SearchableModel:
        """The supernet that holds all candidates of every layer."""
        grid = self.layers(shape)[0].grid
        return SearchableModel(Slime(self.options, candidates, shape, grid))

    def network(self, directions: Directions, shape: ImageShape) -> nn.Module:
        """The network that runs just these directions."""
        return self.supernet(directions, shape).derive(directions)


SLIME = SlimeSpec("slime", "recurrent layers, a few thousand parameters")
