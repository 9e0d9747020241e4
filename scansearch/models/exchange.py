"""Search in a model of one's own: its sequence mixers are exchanged for searchable scans."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from scansearch.errors import ScansearchError
from scansearch.models.searchable import SearchableModel, SearchableScan, replaced
from scansearch.registry import unknown_name
from scansearch.shape import Size
from scansearch.space import SearchSpace, find_space

Layers = type[nn.Module] | Sequence[str] | Callable[[str, nn.Module], bool]


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
    names = layer_names(model, layers)
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


def layer_names(model: nn.Module, layers: Layers) -> list[str]:
    """Dotted names of the sub-modules that ``layers`` means.

    Raises:
        ScansearchError: If it means none, or names one that is not there.
    """
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
            given = kwargs.get("grid", args[1] if len(args) > 1 else None) or getattr(module, "grid", None)
            seen[name] = given or _factor(name, args[0].shape[1], example.shape[-2:])

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
