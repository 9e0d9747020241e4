"""A hierarchy of stages, each on half the rows and columns of the one before, as a network or as a supernet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import torch
from torch import nn
from torch.nn import functional as F
from typing_extensions import Self

from scansearch.models.checks import check_images, one_a_layer
from scansearch.models.dense_head import DenseHead
from scansearch.models.drop_path import drop_path
from scansearch.models.local_vmamba.mixer import GridMixer
from scansearch.models.local_vmamba.options import LocalVMambaOptions
from scansearch.models.mixer_supernet import MixerSupernet
from scansearch.models.selection import Selection
from scansearch.shape import ImageShape, Size


class ChannelsLast(nn.Module):
    """(B, C, H, W) to (B, H, W, C)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Moves the channels to the end."""
        return x.permute(0, 2, 3, 1)


class PatchMerging(nn.Module):
    """Joins the channels of every 2 x 2 tokens and maps them to twice the width: (B, H, W, E) to (B, H/2, W/2, 2E), rounded up."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Merges; an odd side is filled up with zeros at its end."""
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        quarters = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(quarters, dim=-1)))


class Block(nn.Module):
    """Adds to the tokens what the mixer makes of their norm."""

    def __init__(self, op: GridMixer, width: int, drop_path: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.op = op
        self.drop_path = drop_path

    def forward(self, x: torch.Tensor, selection: Selection | None) -> torch.Tensor:
        """Tokens (B, H, W, E) to the same shape."""
        return x + drop_path(self.op(self.norm(x), selection), self.drop_path, self.training)


class Stage(nn.Module):
    """Blocks on one grid, and the way to the next."""

    def __init__(self, blocks: Sequence[nn.Module], downsample: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, x: torch.Tensor, selections: Sequence[Selection | None]) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, H, W, E) to what the blocks make of them, in the same shape, and to the tokens of the next stage."""
        for block, selection in zip(self.blocks, selections, strict=True):
            x = block(x, selection)
        return x, self.downsample(x)


class Classifier(nn.Module):
    """The last norm, and the map to classes of the mean of the normalised tokens."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)


class LocalVMamba(nn.Module):
    """Images (B, C, H, W) to logits (B, classes), or (B, classes, H, W) if the shape is dense.

    Args:
        options: Options of the model.
        directions: The directions of each layer.
        shape: The images and the classes.
    """

    searchable = False

    def __init__(self, options: LocalVMambaOptions, directions: Sequence[Sequence[str]], shape: ImageShape) -> None:
        super().__init__()
        self.options, self.shape = options, shape
        self.candidates = [tuple(names) for names in directions]
        self.patch_embed = self.stem()
        rates = torch.linspace(0, options.drop_path, options.depth, device="cpu").tolist()
        parts, last = iter(zip(self.candidates, rates, strict=True)), len(options.depths) - 1
        self.layers = nn.ModuleList()
        for stage, grid in enumerate(options.grids(shape.size)):
            width = options.widths[stage]
            blocks = [self.block(width, names, rate, grid) for names, rate in islice(parts, options.depths[stage])]
            self.layers.append(Stage(blocks, nn.Identity() if stage == last else self.downsample(width)))
        if shape.dense:
            self.dense_head = DenseHead(options.widths, shape)
        else:
            self.classifier = Classifier(options.widths[-1], shape.classes)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def stem(self) -> nn.Sequential:
        """From images (B, C, H, W) to tokens (B, H', W', E)."""
        width, patch = self.options.embed_dim, self.options.patch(self.shape.size)
        return nn.Sequential(nn.Conv2d(self.shape.channels, width, patch, patch), ChannelsLast(), nn.LayerNorm(width))

    def block(self, width: int, directions: Sequence[str], rate: float, grid: Size) -> nn.Module:
        """A layer."""
        return Block(GridMixer(self.options, width, directions, grid, searchable=self.searchable), width, rate)

    def downsample(self, width: int) -> nn.Module:
        """From one stage to the next, which is twice as wide."""
        return PatchMerging(width)

    def forward(self, images: torch.Tensor, selections: Sequence[Selection] | None = None) -> torch.Tensor:
        """Logits of images (B, C, H, W); ``selections``, one a layer, are for supernets.

        Raises:
            ScansearchError: If the number of selections is not that of the layers, or the images are not of the size, channels
                and type that the network is for.
        """
        if self.shape.dense:
            return self.dense_head(images, self.feature_maps(images, selections))
        return self.forward_head(self.forward_features(images, selections))

    def forward_features(self, images: torch.Tensor, selections: Sequence[Selection] | None = None) -> torch.Tensor:
        """Tokens (B, H', W', E) of the last stage, normalised; errors as ``forward``."""
        normed: torch.Tensor = self.classifier.norm(self._stages(images, selections)[-1])
        return normed

    def feature_maps(self, images: torch.Tensor, selections: Sequence[Selection] | None = None) -> list[torch.Tensor]:
        """A map (B, E, rows, columns) of each stage, finest first; errors as ``forward``."""
        return [tokens.permute(0, 3, 1, 2) for tokens in self._stages(images, selections)]

    def _stages(self, images: torch.Tensor, selections: Sequence[Selection] | None) -> list[torch.Tensor]:
        """What the blocks of each stage give, (B, rows, columns, E)."""
        chosen = iter(one_a_layer(selections, self.options.depth))
        check_images(images, self.shape, self._like.dtype)
        x, given = self.patch_embed(images), []
        for stage, depth in zip(self.layers, self.options.depths, strict=True):
            tokens, x = stage(x, list(islice(chosen, depth)))
            given.append(tokens)
        return given

    def forward_head(self, features: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """Logits (B, classes) of tokens (B, H', W', E), or before the last map (B, E)."""
        pooled = features.mean((1, 2))
        return pooled if pre_logits else self.classifier.head(pooled)

    @property
    def _like(self) -> torch.Tensor:
        return next(self.patch_embed.parameters())

    def at(self, image_size: Size) -> Self:
        """The same network for images of another (height, width), with a copy of its weights; the patch size stays.

        Raises:
            ScansearchError: If the patch is larger than the images.
        """
        options = self.options.changed(patch_size=self.options.patch(self.shape.size))
        shape = replace(self.shape, height=image_size[0], width=image_size[1])
        other = type(self)(options, self.candidates, shape).to(self._like)
        other.load_state_dict(self.state_dict())
        return other.train(self.training)

    def no_weight_decay(self) -> set[str]:
        """Parameters that are 1-D in the published layout: biases, norms and D, but not the biases of the step sizes."""
        return {name for name, p in self.named_parameters() if p.ndim <= 1 or name.endswith(".D")}

    def layer_numbers(self) -> dict[str, int]:
        """In which layer each parameter stands: 0 is before the first, one more than there are layers after the last.

        The way from one stage to the next is part of the layer before it.
        """
        depths = self.options.depths

        def number(name: str) -> int:
            if name.startswith("patch_embed."):
                return 0
            part, *place = name.split(".")
            if part != "layers":
                return self.options.depth + 1
            stage = int(place[0])
            return sum(depths[:stage]) + (int(place[2]) + 1 if place[1] == "blocks" else depths[stage])

        return {name: number(name) for name, _ in self.named_parameters()}


class LocalVMambaSupernet(LocalVMamba, MixerSupernet):
    """A LocalVMamba that holds every candidate of each layer; ``forward`` takes one selection a layer."""

    searchable = True

    def plain(self, directions: Sequence[Sequence[str]]) -> LocalVMamba:
        """A LocalVMamba with these directions."""
        return LocalVMamba(self.options, directions, self.shape).to(self._like)
