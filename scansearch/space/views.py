"""A bound space in the words of other tools: Optuna, NNI and plain JSON.

A layer with at most ten choices is one categorical parameter (``layer03``, with values such as ``"h+v+w2+w7_flip"``).
A layer with more is one number in [0, 1] a candidate (``layer03/h``), of which the largest are kept: a category a subset would hide
what subsets share. If it may keep one or two directions, say, how many of them is a parameter, too (``layer03``, 1 or 2).
Parameters found by such a tool become a genotype with ``from_parameters``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scansearch.errors import ScansearchError
from scansearch.lazy import torch
from scansearch.space.bound_space import BoundSpace, Choice
from scansearch.space.layer import LayerSpace

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

MOST_CATEGORIES = 10
JOINT = "+"
BUDGET = "budget"
"""Name of the constraint by which a sampler of Optuna knows a budget."""
Domain = list[str] | range | None
"""What a parameter may be: one of some categories, one of some integers, or (``None``) a number in [0, 1]."""


def _label(space: BoundSpace, number: int) -> str:
    return f"layer{number:0{len(str(len(space) - 1))}d}"


def _categorical(layer: LayerSpace) -> bool:
    return layer.size <= MOST_CATEGORIES


def _categories(layer: LayerSpace) -> list[str]:
    return [_name(layer, choice) for choice in layer.choices()]


def _name(layer: LayerSpace, choice: tuple[int, ...]) -> str:
    return JOINT.join(layer.candidates[i] for i in choice)


def parameters(space: BoundSpace) -> Iterator[tuple[str, Domain]]:
    """Every parameter, by name, with what it may be."""
    for number, layer in enumerate(space):
        label = _label(space, number)
        if _categorical(layer):
            yield label, _categories(layer)
            continue
        if layer.least < layer.most:
            yield label, range(layer.least, layer.most + 1)
        yield from ((f"{label}/{name}", None) for name in layer.candidates)


def to_parameters(space: BoundSpace, choice: Choice, random: torch.Generator | None = None) -> dict[str, Any]:
    """The parameters of a genotype, for example for ``study.enqueue_trial``.

    Args:
        space: What it is of.
        choice: The genotype.
        random: Draws numbers in [0, 1) of which the kept directions have the largest; without it, what is kept is 1, all else 0.
    """
    found: dict[str, Any] = {}
    for number, (layer, kept) in enumerate(zip(space, choice, strict=True)):
        label = _label(space, number)
        if _categorical(layer):
            found[label] = _name(layer, kept)
            continue
        if layer.least < layer.most:
            found[label] = len(kept)
        values = np.isin(np.arange(len(layer.candidates)), kept).astype(np.float64)
        if random is not None:
            values = _numbers(values, random)
        found.update({f"{label}/{name}": float(x) for name, x in zip(layer.candidates, values, strict=True)})
    return found


def _numbers(kept: np.ndarray, random: torch.Generator) -> np.ndarray:
    """Uniform numbers in [0, 1), in any order but that those that are kept have the largest."""
    drawn = torch.rand(2, len(kept), generator=random, dtype=torch.float64).numpy()
    found = np.empty(len(kept))
    found[np.argsort(kept + drawn[0])] = np.sort(drawn[1])
    return found


def from_parameters(space: BoundSpace, values: Mapping[str, Any]) -> Choice:
    """The genotype of parameters; where constraints or a budget do not allow it, the nearest one that they do.

    Raises:
        ScansearchError: If a parameter is missing or is not what it may be.
    """
    for name, domain in parameters(space):
        if name not in values:
            raise ScansearchError(f"a genotype of space {space.name!r} needs a value for {name!r}, but there is none")
        if isinstance(domain, range) and not (type(values[name]) is int and values[name] in domain):
            raise ScansearchError(
                f"{name} must be a whole number from {domain[0]} to {domain[-1]}, but got {values[name]!r}"
            )
    vectors = [_vector(space, number, layer, values) for number, layer in enumerate(space)]
    return space.decode(np.concatenate(vectors))


def wanted(space: BoundSpace, values: Mapping[str, Any]) -> Choice:
    """The genotype of parameters whatever it costs; only the constraints of the layers are kept. Errors as ``from_parameters``."""
    return from_parameters(replace(space, budget=None), values)


def _vector(space: BoundSpace, number: int, layer: LayerSpace, values: Mapping[str, Any]) -> np.ndarray:
    """What ``decode`` takes: one number a candidate, those above 0.5 wanted."""
    label = _label(space, number)
    if not _categorical(layer):
        found = np.array([float(values[f"{label}/{name}"]) for name in layer.candidates])
        if layer.least == layer.most:
            return found
        wanted = np.argsort(-found, kind="stable")[: values[label]]
        return found / 4 + np.where(np.isin(np.arange(len(found)), wanted), 0.75, 0.0)
    kept = str(values[label]).split(JOINT)
    if not set(kept) <= set(layer.candidates):
        raise ScansearchError(f"{label} must be one of the choices of space {space.name!r}, but got {values[label]!r}")
    return np.isin(layer.candidates, kept).astype(np.float64)


def optuna_distributions(space: BoundSpace) -> dict[str, BaseDistribution]:
    """The space as Optuna's distributions, for ``study.ask(fixed_distributions=...)`` and samplers."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    def distribution(domain: Domain) -> BaseDistribution:
        if domain is None:
            return FloatDistribution(0.0, 1.0)
        return IntDistribution(domain[0], domain[-1]) if isinstance(domain, range) else CategoricalDistribution(domain)

    return {name: distribution(domain) for name, domain in parameters(space)}


def suggest(space: BoundSpace, trial: Trial) -> Choice:
    """The genotype that an Optuna trial suggests; by how much it exceeds a budget is a constraint of the trial.

    Raises:
        optuna.TrialPruned: If it exceeds the budget.
    """
    from optuna import TrialPruned

    def suggestion(name: str, domain: Domain) -> Any:
        if domain is None:
            return trial.suggest_float(name, 0.0, 1.0)
        if isinstance(domain, range):
            return trial.suggest_int(name, domain[0], domain[-1])
        return trial.suggest_categorical(name, domain)

    choice = wanted(space, {name: suggestion(name, domain) for name, domain in parameters(space)})
    if space.budget is not None:
        trial.set_constraint(BUDGET, space.excess(choice))
    if space.excess(choice) > 0:
        raise TrialPruned("the suggested genotype exceeds the budget")
    return choice


def nni_search_space(space: BoundSpace) -> dict[str, dict[str, Any]]:
    """The space as NNI's search-space JSON."""

    def domain_json(domain: Domain) -> dict[str, Any]:
        if domain is None:
            return {"_type": "uniform", "_value": [0.0, 1.0]}
        if isinstance(domain, range):
            return {"_type": "randint", "_value": [domain.start, domain.stop]}  # NNI leaves the upper end out too
        return {"_type": "choice", "_value": domain}

    return {name: domain_json(domain) for name, domain in parameters(space)}


def describe(space: BoundSpace) -> dict[str, Any]:
    """The bound space as JSON data: each layer's grid, candidates, what was merged, and the exact number of choices."""
    layers = [
        {
            "grid": list(layer.grid),
            "candidates": list(layer.candidates),
            "keep": [layer.least, layer.most],
            "merged": layer.merged,
            "choices": layer.size,
        }
        for layer in space
    ]
    return {"name": space.name, "layers": layers, "genotypes": space.size}
