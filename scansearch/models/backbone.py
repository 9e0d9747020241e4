"""A user's own backbone as a model of this package: found by name, searched, saved and resumed like LocalVim."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from pydantic import create_model
from torch import nn

from scansearch.errors import ScansearchError
from scansearch.models.exchange import Layers, find_grids, layer_names, make_searchable
from scansearch.models.model_options import ModelOptions
from scansearch.models.model_spec import Directions, LayerInfo, ModelSpec
from scansearch.models.searchable import SearchableModel, SearchableScan
from scansearch.shape import ImageShape


class BackboneSpec(ModelSpec):
    """A user's backbone by name; register it in ``MODELS`` or as an entry point of ``scansearch.models``.

    Args:
        name: Name on the command line.
        description: One line for listings.
        build: ``build(shape, **options)`` makes the model for an ``ImageShape``. Its arguments with a default are the options,
            which ``--set`` changes; annotated by pydantic, as ``Annotated[int, Field(ge=1, description="Channels.")]``, they
            have a range and a meaning too.
        mixers: Which of its modules are searched; see ``make_searchable``.
        share: All candidates of a layer use the same weights.
        **options: Options that differ from the defaults.
    """

    def __init__(
        self,
        name: str,
        description: str,
        build: Callable[..., nn.Module],
        mixers: Layers = SearchableScan,
        *,
        share: bool = False,
        **options: Any,
    ) -> None:
        self.Options = _options_of(name, build)
        super().__init__(name, description, **options)
        self.build, self.mixers, self.share = build, mixers, share

    def layers(self, shape: ImageShape) -> tuple[LayerInfo, ...]:
        """The layers, found by a forward pass; grids of one size are one stage."""
        with torch.random.fork_rng(devices=[]):  # a look at the model must not change what a seed gives
            model = self._make(shape)
        grids = find_grids(model, layer_names(model, self.mixers), torch.zeros(1, shape.channels, *shape.size))
        stages = list(dict.fromkeys(grids))
        return tuple(LayerInfo(stages.index(grid), grid) for grid in grids)

    def supernet(self, candidates: Directions, shape: ImageShape) -> SearchableModel:
        """The supernet that holds all candidates of every layer."""
        grids = [info.grid for info in self.layers(shape)]
        return make_searchable(self._make(shape), candidates, layers=self.mixers, grids=grids, share=self.share)

    def network(self, directions: Directions, shape: ImageShape) -> nn.Module:
        """The network that runs just these directions."""
        return self.supernet(directions, shape).derive(directions)

    def _make(self, shape: ImageShape) -> nn.Module:
        return self.build(shape, **dict(self.options))


def _options_of(name: str, build: Callable[..., nn.Module]) -> type[ModelOptions]:
    """The arguments of ``build`` that have a default, as options."""
    try:
        parameters = list(inspect.signature(build, eval_str=True).parameters.values())
    except NameError as error:
        raise ScansearchError(
            f"the options of model {name} are typed by the annotations of its build function, but {error}; import it there"
        ) from error
    options = {p.name: (_type(p), p.default) for p in parameters if p.default is not p.empty}
    made: type[ModelOptions] = create_model(f"Options of {name}", __base__=ModelOptions, **options)  # type: ignore[call-overload]
    return made


def _type(parameter: inspect.Parameter) -> Any:
    if parameter.annotation is not parameter.empty:
        return parameter.annotation
    return Any if parameter.default is None else type(parameter.default)
