"""The network of the planted problem: one layer a colour, each read at one marked token, along the layer's directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F

from scansearch.errors import ScansearchError
from scansearch.models import Directions, LayerInfo, ModelOptions, ModelSpec, Selection, Supernet
from scansearch.models.mixer import channel_block
from scansearch.models.supernet import mixture_of
from scansearch.ops import mixture
from scansearch.scans import ScanOrder
from scansearch.shape import ImageShape, Size

TAPS = 3


def preceding(direction: str, grid: Size, taps: int) -> torch.Tensor:
    """What a causal mixer of ``taps`` taps sees at every token: int64 (H*W, taps).

    Row t holds t itself, the token before it in the direction's order, the one before that, and so on; H*W where the order
    has none left.
    """
    order = ScanOrder(direction).indices(*grid)
    before = torch.stack([F.pad(order, (lag, 0), value=len(order))[: len(order)] for lag in range(taps)], dim=1)
    table = torch.empty_like(before)
    table[order] = before
    return table


class PlantedLayer(nn.Module):
    """Causal depthwise convolutions along scan orders, one a candidate, of which the output at one token is used.

    Args:
        candidates: Directions.
        grid: Rows and columns of the tokens.
        width: Channels D.
        taps: Tokens that a convolution sees: the marked one, and those just before it in the candidate's order.
    """

    def __init__(self, candidates: Sequence[str], grid: Size, width: int, taps: int) -> None:
        super().__init__()
        self.embed = nn.Linear(1, width)
        self.conv_weight = nn.Parameter(torch.empty(len(candidates), 1, taps, width).uniform_(-1, 1) * taps**-0.5)
        self.conv_bias = nn.Parameter(torch.zeros(len(candidates), 1, width))
        self.out = nn.Linear(width, width, bias=False)
        tables = torch.stack([preceding(name, grid, taps) for name in candidates])
        self.tables: torch.Tensor
        self.register_buffer("tables", tables, persistent=False)  # (N, L, T)

    def forward(self, pixels: torch.Tensor, selection: Selection) -> torch.Tensor:
        """Pixels (B, L) of the layer's colour to its part (B, D) of the residual stream."""
        marked = pixels.argmax(1)
        tokens = F.pad(self.embed(pixels[..., None]), (0, 0, 0, 1))  # a row of zeros for tokens that are not there
        own = tokens[torch.arange(len(pixels)), marked]
        block = slice(None) if selection.part is None else channel_block(selection.part, tokens.shape[-1])
        stacked = (self.tables, self.conv_weight, self.conv_bias)
        mixed = mixture_of(selection, _mixed, own[:, block], stacked, (tokens, marked))
        if selection.part is not None:
            mixed = torch.cat([own[:, : block.start], mixed, own[:, block.stop :]], dim=1)
        out: torch.Tensor = self.out(mixed)
        return out


def _mixed(chunk: Selection, rows: Sequence[torch.Tensor], shared: Sequence[torch.Tensor]) -> torch.Tensor:
    """The mixture of some branches at the marked tokens, (B, D)."""
    (tables, weight, bias), (tokens, marked) = rows, shared
    block = slice(None) if chunk.part is None else channel_block(chunk.part, tokens.shape[-1])
    seen = tables[:, marked]  # (k, B, T)
    windows = tokens[..., block][torch.arange(len(tokens))[:, None], seen]  # (k, B, T, D)
    branches = F.silu((windows * weight[..., block]).sum(2) + bias[..., block])
    return mixture(branches, chunk.weights)


class PlantedSupernet(Supernet):
    """Layers that each look at one colour of the image and add what they find to one residual stream.

    Args:
        candidates: Candidates of each layer; there are as many layers as colours that matter.
        grid: Rows and columns: a pixel is a token.
        num_classes: Classes of the head.
        width: Channels.
        taps: Taps of the causal convolutions.
    """

    def __init__(
        self, candidates: Sequence[Sequence[str]], grid: Size, num_classes: int, width: int, taps: int
    ) -> None:
        super().__init__()
        self.candidates = [tuple(names) for names in candidates]
        self.layers = nn.ModuleList(PlantedLayer(names, grid, width, taps) for names in candidates)
        self.alphas = nn.ParameterList(nn.Parameter(1e-3 * torch.randn(len(n), 1, 1, 1)) for n in candidates)
        self.head = nn.Linear(width, num_classes)

    def forward(self, images: torch.Tensor, selections: Sequence[Selection]) -> torch.Tensor:
        """Logits (B, classes) of images (B, C, H, W) under one selection a layer."""
        found = [
            layer(images[:, colour].flatten(1), selection)
            for colour, (layer, selection) in enumerate(zip(self.layers, selections, strict=True))
        ]
        logits: torch.Tensor = self.head(torch.stack(found).sum(0))
        return logits

    def architecture_parameters(self) -> list[nn.Parameter]:
        """Alpha of every layer."""
        return list(self.alphas)

    def stacked_parameters(self) -> list[list[nn.Parameter]]:
        """The convolutions of every layer."""
        layers: list[Any] = list(self.layers)
        return [[layer.conv_weight, layer.conv_bias] for layer in layers]

    def no_weight_decay(self) -> set[str]:
        """Biases."""
        return {name for name, _ in self.named_parameters() if name.endswith("bias")}


class PlantedNetwork(nn.Module):
    """The derived network: all branches of a small supernet, added up.

    Args:
        supernet: Holds just the directions that run.
    """

    def __init__(self, supernet: PlantedSupernet) -> None:
        super().__init__()
        self.supernet = supernet
        del supernet.alphas

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images (B, C, H, W) to logits (B, classes)."""
        logits: torch.Tensor = self.supernet(
            images, [Selection(tuple(range(len(names)))) for names in self.supernet.candidates]
        )
        return logits


class PlantedOptions(ModelOptions):
    """Options of the network."""

    depth: int = Field(3, ge=1, le=100, description="Layers, and colours of the image.")
    width: int = Field(16, ge=1, le=2**12, description="Channels.")
    taps: int = Field(TAPS, ge=1, le=2**10, description="Taps of the causal convolutions.")


class PlantedSpec(ModelSpec):
    """The network as a model of the registry, which ``scansearch.search`` takes by name.

    Args:
        **options: Options that differ from their defaults.
    """

    Options = PlantedOptions
    options: PlantedOptions

    def __init__(self, **options: Any) -> None:
        super().__init__("planted", "the network of the planted problem: tests of strategies", **options)

    def layers(self, shape: ImageShape) -> tuple[LayerInfo, ...]:
        """The layers: in each a pixel is a token."""
        return (LayerInfo(0, shape.size),) * self.options.depth

    def supernet(self, candidates: Directions, shape: ImageShape) -> PlantedSupernet:
        """The supernet that holds all candidates of every layer.

        Raises:
            ScansearchError: If there is not one list of candidates a layer, or the images have too few colours.
        """
        options = self.options
        if not len(candidates) == options.depth <= shape.channels:
            raise ScansearchError(
                f"{self.name} has {options.depth} layers, each with a colour of its own, but got candidates for "
                f"{len(candidates)} and images of {shape.channels} colours; change its depth"
            )
        return PlantedSupernet(candidates, shape.size, shape.classes, options.width, options.taps)

    def network(self, directions: Directions, shape: ImageShape) -> PlantedNetwork:
        """The network that runs just these directions; errors as ``supernet``."""
        return PlantedNetwork(self.supernet(directions, shape))
