"""Whether weights are those of a network: if not, one line says what is missing, too much or of another shape, and what they fit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from scansearch.errors import ScansearchError
from scansearch.lazy import torch
from scansearch.models.model_options import ModelOptions
from scansearch.registry import MODELS
from scansearch.text import brief

MOST_KINDS = 3


class Recognised(NamedTuple):
    """What is seen of a network in the names and shapes of its weights.

    Args:
        options: Options of its family, as far as they show.
        rest: What else shows, in words: directions a layer, images, classes.
    """

    options: dict[str, Any]
    rest: str


class Model(Protocol):
    """What a ``ModelSpec`` has to find out whether weights are of its family."""

    name: str
    options: ModelOptions

    def recognise(self, weights: Mapping[str, Any]) -> Recognised | None:
        """What network of its family weights are of."""


def check_weights(weights: Mapping[str, Any], wanted: Mapping[str, torch.Tensor], spec: Model) -> None:
    """Checks that weights have the names and shapes of ``wanted``, those of a network of ``spec``, and are numbers as there.

    Raises:
        ScansearchError: If not. Names that differ only in their numbers, as those of layers do, are counted together.
    """
    _check_tensors(weights)
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    missing = [kind_of(name) for name in wanted if name not in shapes]
    unexpected = [kind_of(name) for name in shapes if name not in wanted]
    reshaped = [
        f"{kind_of(name)} {shapes[name]} for {tuple(like.shape)}"
        for name, like in wanted.items()
        if name in shapes and shapes[name] != tuple(like.shape)
    ]
    groups = (("missing", missing), ("unexpected", unexpected), ("of another shape", reshaped))
    found = [f"{len(kinds)} {problem}: {grouped(kinds)}" for problem, kinds in groups if kinds]
    if found:
        raise ScansearchError(
            f"these weights are not those of this {spec.name}: {'; '.join(found)}; {_fits(weights, spec)}"
        )
    for name, like in wanted.items():
        if like.is_floating_point() and (problem := _not_numbers(weights[name], like)):
            raise ScansearchError(f"weights are finite numbers in dense tensors, but {name} {problem}; save them so")


def _not_numbers(value: torch.Tensor, like: torch.Tensor) -> str | None:
    if value.layout != torch.strided or value.is_meta:
        return "has none" if value.is_meta else f"is {value.layout}"
    if not value.is_floating_point():
        return f"is of {value.dtype}"
    finite = bool(value.isfinite().all()) or not bool(like.isfinite().all())
    return None if finite else "is not finite"


def _check_tensors(weights: Mapping[str, Any]) -> None:
    if not isinstance(weights, Mapping):
        raise ScansearchError(
            f"weights are tensors by name, but got {brief(weights)}; scansearch.models.read_weights(path) gives those of a file"
        )
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ScansearchError(
                f"weights are tensors by name, but {brief(name)} is {brief(value)}; scansearch.models.read_weights(path) takes them out "
                "of a checkpoint"
            )


def kind_of(name: str) -> str:
    """The name with a star for each number: layers, branches."""
    return re.sub(r"(?<=[._])\d+(?=[._]|$)", "*", name)


def grouped(kinds: Iterable[str]) -> str:
    """The first kinds, each with how often it comes, and how many others there are."""
    counts = Counter(kinds)
    shown = [f"{kind} ({count})" if count > 1 else kind for kind, count in list(counts.items())[:MOST_KINDS]]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f" and {more} more kinds" if more else "")


def _fits(weights: Mapping[str, Any], spec: Model) -> str:
    """The registered model that needs the fewest other options to have such weights."""
    found = []
    for name in [spec.name, *MODELS.names()]:
        model: Model = spec if name == spec.name else MODELS.get(name)
        if recognised := model.recognise(weights):
            own = dict(model.options)
            changed = {key: value for key, value in recognised.options.items() if own.get(key) != value}
            found.append((len(changed), name, changed, recognised.rest))
    if not found:
        return "no model here is known to have such weights"
    _, name, changed, rest = min(found, key=lambda fit: fit[0])
    return f"they fit {with_options(name, changed)} ({rest})"


def with_options(name: str, options: Mapping[str, Any]) -> str:
    """A model in words."""
    told = ", ".join(f"{key}={value}" for key, value in options.items())
    return f"{name} with {told}" if told else name
