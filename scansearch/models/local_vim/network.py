"""A plain stack of scan mixers, as a network or as a supernet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F
from typing_extensions import Self

from scansearch.errors import ScansearchError
from scansearch.models.checks import check_images, one_a_layer
from scansearch.models.dense_head import DenseHead
from scansearch.models.drop_path import drop_path
from scansearch.models.local_vim.initial_weights import draw_weights
from scansearch.models.local_vim.options import LocalVimOptions
from scansearch.models.local_vim.resizing import resized
from scansearch.models.mixer import VECTORS, ScanMixer
from scansearch.models.mixer_supernet import MixerSupernet
from scansearch.models.rotary import RotaryEmbedding
from scansearch.models.selection import Selection
from scansearch.shape import ImageShape, Size


class RMSNorm(nn.Module):
    """Root-mean-square norm with a weight, computed in float32.

    Args:
        channels: Channels E.
        eps: Added to the mean square.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalises x (..., E)."""
        wide = x if x.dtype == torch.float64 else x.float()
        return F.rms_norm(wide, self.weight.shape, self.weight.to(wide.dtype), self.eps)


class PatchEmbed(nn.Module):
    """Cuts images into patches and embeds each: (B, C, H, W) to (B, L, E).

    Args:
        patch: Side of a patch.
        in_channels: Channels C.
        channels: Channels E.
        size: Height and width of the images; zeros fill up what the patches do not divide, on the right and at the bottom.
    """

    def __init__(self, patch: int, in_channels: int, channels: int, size: Size) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, channels, patch, patch)
        self.missing = (0, -size[1] % patch, 0, -size[0] % patch)  # left, right, top, bottom

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeds the patches row by row."""
        whole = F.pad(images, self.missing) if any(self.missing) else images
        return self.proj(whole).flatten(2).transpose(1, 2)


class Block(nn.Module):
    """Adds the incoming hidden state to the residual, normalises and mixes."""

    def __init__(self, mixer: ScanMixer, channels: int, drop_path: float) -> None:
        super().__init__()
        self.norm = RMSNorm(channels)
        self.mixer = mixer
        self.drop_path = drop_path

    def forward(
        self, hidden: torch.Tensor, residual: torch.Tensor | None, selection: Selection | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns (hidden, residual), both (B, L, E); the residual stays in float32."""
        residual = add(residual, drop_path(hidden, self.drop_path, self.training))
        return self.mixer(self.norm(residual).to(hidden.dtype), selection), residual


class LocalVim(nn.Module):
    """Images (B, C, H, W) to logits (B, classes), or (B, classes, H, W) if the shape is dense.

    Args:
        options: Options of the model.
        directions: The directions of each layer.
        shape: The images and the classes.
    """

    searchable = False

    def __init__(self, options: LocalVimOptions, directions: Sequence[Sequence[str]], shape: ImageShape) -> None:
        super().__init__()
        channels, grid = options.embed_dim, options.grid(shape.size)
        self.options, self.grid, self.shape = options, grid, shape
        self.candidates = [tuple(names) for names in directions]
        tokens = grid[0] * grid[1]
        self.patch_embed = PatchEmbed(options.patch(shape.size), shape.channels, channels, shape.size)
        self.class_place = tokens // 2 if options.class_token == "middle" else None
        if self.class_place is not None:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.pos_embed = nn.Parameter(torch.empty(1, tokens + (self.class_place is not None), channels))
        self.rope = RotaryEmbedding(channels, grid) if self.class_place is None else None
        # Block i drops what block i - 1 gave, hence the leading zero and one rate more than blocks.
        *rates, self.last_drop = [0.0, *torch.linspace(0, options.drop_path, options.depth, device="cpu").tolist()]
        self.layers = nn.ModuleList(
            Block(ScanMixer(options, names, grid, searchable=self.searchable), channels, rate)
            for names, rate in zip(directions, rates, strict=True)
        )
        self.norm_f = RMSNorm(channels)
        if shape.dense:
            self.dense_head = DenseHead([channels], shape)
        else:
            self.head = nn.Linear(channels, shape.classes)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        if not shape.dense:
            nn.init.trunc_normal_(self.head.weight, std=0.02)
            nn.init.zeros_(self.head.bias)
        draw_weights(self, options.init)

    def forward(self, images: torch.Tensor, selections: Sequence[Selection] | None = None) -> torch.Tensor:
        """Logits of images (B, C, H, W); ``selections``, one a layer, are for supernets.

        Raises:
            ScansearchError: If the number of selections is not that of the layers.
        """
        if self.shape.dense:
            return self.dense_head(images, self.feature_maps(images, selections))
        return self.forward_head(self.forward_features(images, selections))

    def forward_features(self, images: torch.Tensor, selections: Sequence[Selection] | None = None) -> torch.Tensor:
        """Tokens (B, L, E) after the last norm, in float32, the class token among them; errors as ``forward``."""
        chosen = one_a_layer(selections, len(self.layers))
        hidden = self.embed(images)
        residual: torch.Tensor | None = None
        for layer, selection in zip(self.layers, chosen, strict=True):
            if self.rope is not None:
                hidden = self.rope(hidden)
                residual = None if residual is None else self.rope(residual)
            hidden, residual = layer(hidden, residual, selection)
        final: torch.Tensor = self.norm_f(add(residual, drop_path(hidden, self.last_drop, self.training)))
        return final

    def forward_head(self, features: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        """Logits (B, classes) of tokens (B, L, E), or before the last map (B, E)."""
        pooled = features.mean(1) if self.class_place is None else features[:, self.class_place]
        narrow = pooled.to(self.pos_embed.dtype)
        return narrow if pre_logits else self.head(narrow)

    def feature_maps(self, images: torch.Tensor, selections: Sequence[Selection] | None = None) -> list[torch.Tensor]:
        """The one map (B, E, rows, columns), without the class token; errors as ``forward``."""
        tokens = self.forward_features(images, selections).to(self.pos_embed.dtype)
        if self.class_place is not None:
            tokens = torch.cat([tokens[:, : self.class_place], tokens[:, self.class_place + 1 :]], dim=1)
        return [tokens.transpose(1, 2).unflatten(2, self.grid)]

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Tokens (B, L, E) of the images, with their positions and the class token.

        Raises:
            ScansearchError: If the images are not of the size, channels and type that the network is for.
        """
        check_images(images, self.shape, self.pos_embed.dtype)
        tokens = self.patch_embed(images)
        if self.class_place is not None:
            token = self.cls_token.expand(tokens.shape[0], -1, -1).to(tokens.dtype)
            tokens = torch.cat([tokens[:, : self.class_place], token, tokens[:, self.class_place :]], dim=1)
        return tokens + self.pos_embed

    def at(self, image_size: Size, *, rotary: Literal["computed", "resized"] = "computed") -> Self:
        """The same network for images of another (height, width), with a copy of its weights.

        The patch size stays. The position embedding is resized (bicubic); a class token keeps its own entry, apart from those of the
        patches. But for the rotary embedding, everything else does not depend on the grid.

        Args:
            image_size: Height and width in pixels.
            rotary: ``computed``: the rotary embedding is that of the new grid. ``resized``: its tables are those of this network,
                resized (bicubic), as LocalVim's code does; its outputs differ by some per cent.

        Raises:
            ScansearchError: If the patch size does not divide the images and partial patches are refused, or an argument is none.
        """
        if not isinstance(image_size, (tuple, list)) or len(image_size) != 2:
            raise ScansearchError(f"a network is built at (height, width) in pixels, but got {image_size!r}")
        if rotary not in ("computed", "resized"):
            raise ScansearchError(f"the rotary embedding at another size is computed or resized, but got {rotary!r}")
        options = self.options.changed(patch_size=self.options.patch(self.shape.size))
        shape = replace(self.shape, height=image_size[0], width=image_size[1])
        other = type(self)(options, self.candidates, shape).to(self.pos_embed)
        own = {name: value for name, value in self.state_dict().items() if not name.startswith("rope.")}
        own["pos_embed"] = resized(self.pos_embed.detach(), self.grid, other.grid)
        if self.rope is not None and rotary == "resized":
            for name, table in self.rope.named_buffers(prefix="rope"):
                own[name] = resized(table[None], self.grid, other.grid)[0]
        other.load_state_dict({**other.state_dict(), **own})
        return other.train(self.training)

    def no_weight_decay(self) -> set[str]:
        """Parameters that are 1-D in LocalMamba's layout: biases, norms and D; and positions, if the options say so."""
        positions = set() if self.options.decay_positions else {"pos_embed", "cls_token"}
        return {
            name
            for name, p in self.named_parameters()
            if p.ndim <= 1 or name.rpartition(".")[2] in VECTORS or name in positions
        }

    def layer_numbers(self) -> dict[str, int]:
        """In which layer each parameter stands: 0 is before the first, one more than there are layers after the last."""
        before = ("patch_embed.", "pos_embed", "cls_token")

        def number(name: str) -> int:
            if name.startswith(before):
                return 0
            return int(name.split(".")[1]) + 1 if name.startswith("layers.") else self.options.depth + 1

        return {name: number(name) for name, _ in self.named_parameters()}


class LocalVimSupernet(LocalVim, MixerSupernet):
    """A LocalVim that holds every candidate of each layer; ``forward`` takes one selection a layer."""

    searchable = True

    def plain(self, directions: Sequence[Sequence[str]]) -> LocalVim:
        """A LocalVim with these directions."""
        return LocalVim(self.options, directions, self.shape).to(self.pos_embed)


def add(residual: torch.Tensor | None, hidden: torch.Tensor) -> torch.Tensor:
    """Residual + hidden, in float32 (or float64 if that is what came in)."""
    wide = hidden if hidden.dtype == torch.float64 else hidden.float()
    return wide if residual is None else residual + wide
