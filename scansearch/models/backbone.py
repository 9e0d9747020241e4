"""A user's own backbone as a model of this package: found by name, searched, saved and resumed like LocalVim."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from scansearch.errors import ScansearchError
from scansearch.models.searchable import SearchableModel, SearchableScan, Size, replaced
from scansearch.models.spec import LayerInfo
from scansearch.options import Option, takes
from scansearch.registry import unknown_name
from scansearch.space import SearchSpace, find_space

Layers = type[nn.Module] | Sequence[str] | Callable[[str, nn.Module], bool]
SIZES = ("num_classes", "image_size", "in_channels")


def make_searchable(
    model: nn.Module,
    space: str | SearchSpace | Sequence[Sequence[str]],
    *,
    layers: Layers = SearchableScan,
    grids: Sequence[Size] | None = None,
    example: torch.Tensor | None = None,
    share: bool = False,
) -> SearchableModel:
    """Makes a supernet of a model by exchanging its sequence mixers for searchable scans; the model stays as it is.

    Args:
        model: Images (B, C, H, W) to logits.
        space: A search space, its name, or the candidates of each layer.
        layers: Which sub-modules to exchange: a class, their dotted names, or a predicate ``(name, module)``. Each maps
            (B, L, D) to (B, L, D). A ``SearchableScan`` that stands in the model already is taken up.
        grids: (H, W) of each of these layers.
        example: Images of the size that will be searched; without ``grids``, a forward pass on them finds these.
        share: All candidates of a layer use the same weights.

    Raises:
        ScansearchError: If no sub-module matches, or a grid cannot be found.
    """
    names = _names(model, layers)
    if grids is None:
        if example is None:
            raise ScansearchError(
                "make_searchable needs the grids of the layers, or example images to find them; pass grids= or example="
            )
        grids = find_grids(model, names, example)
    if len(grids) != len(names):
        raise ScansearchError(f"there must be one grid a layer ({len(names)}), but got {len(grids)}")
    if isinstance(space, (str, SearchSpace)):
        candidates: list[Sequence[str]] = [layer.candidates for layer in find_space(space).bind(grids)]
    else:
        candidates = list(space)
    network, originals = copy.deepcopy(model), dict(model.named_modules())
    for name, grid, choices in zip(names, grids, candidates, strict=True):
        old = originals[name]
        scan = old if isinstance(old, SearchableScan) else SearchableScan(old)
        network = replaced(network, name, scan.over(choices, grid, share=share or scan.share))
    return SearchableModel(network)


def _names(model: nn.Module, layers: Layers) -> list[str]:
    modules = list(model.named_modules())
    if isinstance(layers, type):
        found = [name for name, module in modules if isinstance(module, layers)]
    elif callable(layers):
        found = [name for name, module in modules if layers(name, module)]
    else:
        found = list(layers)
        if missing := [name for name in found if name not in dict(modules)]:
            raise unknown_name("module of this model", missing[0], [name for name, _ in modules if name])
    if not found:
        kinds = sorted({type(module).__name__ for _, module in modules})
        raise ScansearchError(
            f"no module of this model matches layers={getattr(layers, '__name__', layers)!r}, so there is nothing to "
            f"search; it is made of {', '.join(kinds)}"
        )
    return found


def find_grids(model: nn.Module, names: Sequence[str], example: torch.Tensor) -> list[Size]:
    """Rows and columns of the tokens of some layers, from a forward pass on example images (B, C, H, W).

    A layer that is told its grid (``forward(tokens, grid=(H, W))``) is believed; of others, the number of tokens is split
    in the proportions of the image.

    Raises:
        ScansearchError: If a layer does not run, or its tokens form no such grid.
    """
    seen: dict[str, Size] = {}
    modules, training = dict(model.named_modules()), model.training

    def watch(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            told = kwargs.get("grid", args[1] if len(args) > 1 else None) or getattr(module, "grid", None)
            seen[name] = told or _factor(name, args[0].shape[1], example.shape[-2:])

        return hook

    with ExitStack() as stack:
        stack.callback(model.train, training)
        for name in names:
            stack.callback(modules[name].register_forward_pre_hook(watch(name), with_kwargs=True).remove)
        with torch.no_grad():
            model.eval()(example)
    if silent := [name for name in names if name not in seen]:
        raise ScansearchError(
            f"layer {silent[0]!r} did not run in a forward pass of the model; leave it out of layers="
        )
    return [seen[name] for name in names]


def _factor(name: str, tokens: int, image: Sequence[int]) -> Size:
    height = math.isqrt(tokens * image[0] // image[1])
    if height and tokens % height == 0 and height * image[1] == tokens // height * image[0]:
        return height, tokens // height
    raise ScansearchError(
        f"layer {name!r} has {tokens} tokens, which form no grid in the proportions of a {image[0]} x {image[1]} image; "
        "pass grids=, or give the grid to the layer's forward"
    )


@dataclass(frozen=True)
class BackboneSpec:
    """A user's backbone by name; register it in ``MODELS`` or as an entry point of ``scansearch.models``.

    Args:
        name: Name on the command line.
        description: One line for listings.
        build: ``build(num_classes, image_size, in_channels, **options)`` makes the model; options are its keyword
            arguments with defaults, and ``--set`` changes them.
        layers: Which of its modules are searched; see ``make_searchable``.
        share: All candidates of a layer use the same weights.
        chosen: Options that were changed.
    """

    name: str
    description: str
    build: Callable[..., nn.Module]
    layers_: Layers = SearchableScan
    share: bool = False
    chosen: dict[str, Any] = field(default_factory=dict)

    def _defaults(self) -> dict[str, Any]:
        parameters = inspect.signature(self.build).parameters.values()
        return {p.name: p.default for p in parameters if p.name not in SIZES and p.default is not p.empty}

    def options(self) -> list[Option]:
        """The options that ``configure`` takes."""
        return [
            Option(name, value, "" if value is None else takes(type(value)), f"An argument of {self.name}.")
            for name, value in self._defaults().items()
        ]

    def configure(self, **options: Any) -> BackboneSpec:
        """The same model with some options changed.

        Raises:
            ScansearchError: If an option is unknown or not of its default's type.
        """
        defaults = self._defaults()
        for name, value in options.items():
            if name not in defaults:
                raise unknown_name(f"option of model {self.name}", name, list(defaults))
            wanted = type(defaults[name])
            if defaults[name] is not None and type(value) is not wanted and (wanted, type(value)) != (float, int):
                raise ScansearchError(f"model option {name} takes a {wanted.__name__}, but got {value!r}")
        return replace(self, chosen={**self.chosen, **options})

    def _make(self, num_classes: int, image_size: Size, in_channels: int) -> nn.Module:
        return self.build(num_classes=num_classes, image_size=image_size, in_channels=in_channels, **self.chosen)

    def layers(self, image_size: Size) -> tuple[LayerInfo, ...]:
        """The layers for images of (height, width), found by a forward pass; grids of one size are one stage."""
        with torch.random.fork_rng(devices=[]):  # a look at the model must not change what a seed gives
            model = self._make(2, image_size, 1)
        grids = find_grids(model, _names(model, self.layers_), torch.zeros(1, 1, *image_size))
        stages = list(dict.fromkeys(grids))
        return tuple(LayerInfo(stages.index(grid), grid) for grid in grids)

    def supernet(
        self, candidates: Sequence[Sequence[str]], *, num_classes: int, image_size: Size, in_channels: int
    ) -> SearchableModel:
        """The supernet that holds all candidates of every layer."""
        grids = [info.grid for info in self.layers(image_size)]
        model = self._make(num_classes, image_size, in_channels)
        return make_searchable(model, candidates, layers=self.layers_, grids=grids, share=self.share)

    def network(
        self, directions: Sequence[Sequence[str]], *, num_classes: int, image_size: Size, in_channels: int
    ) -> nn.Module:
        """The network that runs just these directions."""
        sizes: dict[str, Any] = {"num_classes": num_classes, "image_size": image_size, "in_channels": in_channels}
        return self.supernet(directions, **sizes).derive(directions)
