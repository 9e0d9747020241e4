"""Search in any backbone: a layer that runs a per-sequence mixer along scan orders, and a model made of such layers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import torch
from torch import nn

from scansearch.errors import ScansearchError, UnsupportedError
from scansearch.models.selection import Selection, check_selection
from scansearch.models.supernet import Supernet, initial_alpha, mixture_of
from scansearch.ops import mixture
from scansearch.scans import ScanOrder, invert
from scansearch.scans.own_thread import in_own_thread

Size = tuple[int, int]
_RECORDED = SimpleNamespace()
"""Tables of orders of the graphs that were compiled or exported; all layers share them."""


class SearchableScan(nn.Module):
    """Runs a mixer of sequences, (B, L, D) to (B, L, D), along several scan orders of an H x W grid.

    Each candidate has a mixer of its own. Up to 16 branches are kept for the backward pass; more are computed again there.

    Args:
        mixer: A function that makes a mixer: called once a candidate, so that each starts from its own random weights. Or
            a module, of which every candidate gets a copy: all start from these weights, for example pretrained ones.
        candidates: Scan orders.
        grid: Rows and columns of the tokens, where ``forward`` is not told.
        share: Use one mixer, with the same weights, for all candidates.
    """

    def __init__(
        self,
        mixer: nn.Module | Callable[[], nn.Module],
        candidates: Sequence[str] = ("h",),
        grid: Size | None = None,
        *,
        share: bool = False,
    ) -> None:
        super().__init__()
        self.candidates, self.grid, self.share = tuple(ScanOrder(name).name for name in candidates), grid, share
        make = (lambda: copy.deepcopy(mixer)) if isinstance(mixer, nn.Module) else mixer
        self.mixers = nn.ModuleList(make() for _ in range(1 if share else len(self.candidates)))
        self.alpha = initial_alpha(len(self.candidates))
        self.selection: Selection | None = None
        self._orders: dict[tuple[str, Size, torch.device], torch.Tensor] = {}

    def forward(self, tokens: torch.Tensor, grid: Size | None = None) -> torch.Tensor:
        """Mixes tokens (B, L, D), counted row by row, along the selected candidates and adds the results up.

        Args:
            tokens: (B, H*W, D).
            grid: (H, W); by default that of the layer. It may differ from call to call.

        Returns:
            (B, L, D): sum_j weights[j] * LN(branch_j) with an affine-free LayerNorm; without weights the plain sum.

        Raises:
            ScansearchError: If the grid is unknown or does not hold L tokens.
        """
        size = self._size(tokens, grid)
        chosen = self.selection or Selection(tuple(range(len(self.candidates))))
        check_selection(chosen, len(self.candidates))
        if chosen.part is not None:
            raise UnsupportedError(
                "a part of the channels can go through a mixer of LocalVim, but a mixer of your own takes them all; choose "
                "another strategy than partial_channel"
            )

        def run(chunk: Selection, *_: object) -> torch.Tensor:
            return mixture((self._branch(tokens, index, size) for index in chunk.indices), chunk.weights)

        return mixture_of(chosen, run, tokens)

    def _branch(self, tokens: torch.Tensor, index: int, size: Size) -> torch.Tensor:
        order, inverse = self._order(self.candidates[index], size, tokens.device)
        branch: torch.Tensor = self.mixers[0 if self.share else index](tokens[:, order])[:, inverse]
        return branch

    def _order(self, name: str, size: Size, device: torch.device) -> torch.Tensor:
        if torch.compiler.is_compiling():
            height, width = (len(range(side)) for side in size)  # of a side that torch.compile keeps open, a number
            table: torch.Tensor = getattr(_RECORDED, _record(name, height, width, device))
            return table
        key = (name, size, device)
        if key not in self._orders:
            self._orders[key] = _table(name, size, device)
        return self._orders[key]

    def _size(self, tokens: torch.Tensor, grid: Size | None) -> Size:
        size = grid or self.grid
        if size is None:
            raise ScansearchError(
                "a scan needs the grid of its tokens, but neither forward(tokens, grid=(H, W)) nor the layer names one"
            )
        if tokens.ndim != 3 or size[0] * size[1] != tokens.shape[1]:
            raise ScansearchError(
                f"tokens have shape (B, H*W, D), but on a grid of {size[0]} x {size[1]} got {tuple(tokens.shape)}; pass "
                "grid=(H, W) to forward"
            )
        return size

    def over(self, candidates: Sequence[str], grid: Size | None = None, *, share: bool | None = None) -> SearchableScan:
        """A new layer over other candidates, whose mixers are copies of this one's first."""
        shared = self.share if share is None else share
        return SearchableScan(self.mixers[0], candidates, grid or self.grid, share=shared)

    def keep(self, names: Sequence[str]) -> SearchableScan:
        """A copy that holds only these candidates, with their weights and without alpha: the derived layer.

        Raises:
            ScansearchError: If a name is none of the candidates.
        """
        if foreign := [name for name in names if name not in self.candidates]:
            raise ScansearchError(
                f"this layer has no candidate {foreign[0]!r}; its candidates are {', '.join(self.candidates)}"
            )
        kept = SearchableScan(nn.Identity(), names, self.grid, share=self.share)
        places = [0] if self.share else [self.candidates.index(name) for name in names]
        kept.mixers = nn.ModuleList(copy.deepcopy(self.mixers[i]) for i in places)
        del kept.alpha
        return kept


def _table(name: str, size: Size, device: torch.device) -> torch.Tensor:
    """An order and its inverse, (2, L)."""

    def make() -> torch.Tensor:
        order = ScanOrder(name).indices(*size)
        return torch.stack([order, invert(order, len(order))]).to(device)

    return in_own_thread(make)


def _record(name: str, height: int, width: int, device: torch.device) -> str:
    """Puts a table where a recorded graph finds it, and returns the name of the attribute."""
    place = f"{name} {height} {width} {device}"
    if not hasattr(_RECORDED, place):
        setattr(_RECORDED, place, _table(name, (height, width), device))
    return place


# As torch.compiler.assume_constant_result does, which would import the compiler: torch.compile calls the function and does
# not look inside, where families are found and an order is checked by its values. It returns a name, since two tensors that
# one such function returns cannot stand in one graph; and they are attributes, since a dict would be read only once a graph.
_record._dynamo_marked_constant = True  # type: ignore[attr-defined]


class SearchableModel(Supernet):
    """A user's model in which some layers are ``SearchableScan``: a supernet for every strategy.

    Args:
        model: The model; images to logits, (B, classes) or for dense prediction (B, classes, H, W).
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.names = [name for name, module in model.named_modules() if isinstance(module, SearchableScan)]
        self.candidates = [scan.candidates for scan in self.scans]

    @property
    def scans(self) -> list[SearchableScan]:
        """The searchable layers, in the order of the model's modules."""
        modules = (self.model.get_submodule(name) for name in self.names)
        return [module for module in modules if isinstance(module, SearchableScan)]

    def forward(self, images: torch.Tensor, selections: Sequence[Selection] | None = None) -> torch.Tensor:
        """Logits of images (B, C, H, W) under one selection a layer; without any, the plain sum of all branches."""
        scans = self.scans
        if selections is not None and len(selections) != len(scans):
            raise ScansearchError(f"there must be one selection a layer ({len(scans)}), but got {len(selections)}")
        try:
            for number, scan in enumerate(scans):
                scan.selection = None if selections is None else selections[number]
            logits: torch.Tensor = self.model(images)
            return logits
        finally:
            for scan in scans:
                scan.selection = None

    def architecture_parameters(self) -> list[nn.Parameter]:
        """Alpha of every searchable layer."""
        return [scan.alpha for scan in self.scans]

    def no_weight_decay(self) -> set[str]:
        """Biases, norms and other parameters of at most one dimension."""
        return {name for name, p in self.named_parameters() if p.ndim <= 1}

    def derive(self, directions: Sequence[Sequence[str]]) -> nn.Module:
        """The user's model with only these branches, added up without normalisation or weights; weights are copied."""
        if len(directions) != len(self.names):
            raise ScansearchError(
                f"this supernet has {len(self.names)} layers, but directions for {len(directions)} were given"
            )
        network = copy.deepcopy(self.model)
        for name, scan, kept in zip(self.names, self.scans, directions, strict=True):
            network = replaced(network, name, scan.keep(kept))
        return network


def replaced(model: nn.Module, name: str, module: nn.Module) -> nn.Module:
    """The model with the sub-module of this dotted name exchanged, in place; the empty name is the model itself."""
    if not name:
        return module
    owner, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(owner), leaf, module)
    return model
