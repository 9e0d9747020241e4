"""Whether a genotype has the layers of a model, and if not, which option of the model would have to be another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.models.model_spec import LayerInfo, ModelSpec
from scansearch.registry import MODELS
from scansearch.shape import ImageShape

Layers = tuple[LayerInfo, ...]


def check_genotype(genotype: Genotype, spec: ModelSpec, shape: ImageShape) -> None:
    """Checks that a genotype has as many layers as a model for such images.

    Raises:
        ScansearchError: If not, naming the options that the model's number of layers comes from; or if it does not take such images.
    """
    count, there = len(spec.layers(shape)), len(genotype.layers)
    if count == there:
        return
    changes = fitting_changes(genotype, spec, shape, lambda layers: len(layers) == there)
    advice = (
        f"set {' or '.join(changes)}, or choose a genotype of {count} layers"
        if changes
        else f"search {spec.name} itself, or choose a model of that depth"
    )
    raise ScansearchError(
        f"a genotype for {with_options(spec, shape)} has {count} layers, but this one has {there}; {advice}"
    )


def fitting_changes(
    genotype: Genotype, spec: ModelSpec, shape: ImageShape, fits: Callable[[Layers], bool]
) -> list[str]:
    """Changes of one option each, as ``depth=4``, with which the layers of a model fit.

    Tried are the value with which the model is registered, and for an option that is the number of layers the genotype's.
    """
    usual, count = _registered(spec), len(spec.layers(shape))
    tried = [(name, usual[name]) for name, value in spec.options if usual.get(name, value) != value]
    tried += [(name, len(genotype.layers)) for name, value in spec.options if type(value) is int and value == count]
    made = [(f"{name}={value}", _layers(spec, shape, name, value)) for name, value in tried]
    return list(dict.fromkeys(change for change, layers in made if layers is not None and fits(layers)))


def with_options(spec: ModelSpec, shape: ImageShape) -> str:
    """A model's name, with the options that are not as it is registered and change what layers it has."""
    usual, layers = _registered(spec), spec.layers(shape)
    changed = [
        f"{name}={value}"
        for name, value in spec.options
        if usual.get(name, value) != value and _layers(spec, shape, name, usual[name]) not in (layers, None)
    ]
    return spec.name + (f" with {', '.join(changed)}" if changed else "")


def _registered(spec: ModelSpec) -> Mapping[str, Any]:
    """The options with which a model is registered; none if it is not."""
    return dict(MODELS.get(spec.name).options) if spec.name in MODELS else {}


def _layers(spec: ModelSpec, shape: ImageShape, option: str, value: Any) -> Layers | None:
    """The layers with another value of an option; ``None`` if it cannot have that."""
    try:
        return spec.configure(**{option: value}).layers(shape)
    except ScansearchError:
        return None
