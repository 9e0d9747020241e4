"""A search space on the layers of a model: what searches draw from, move in, and decide by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np

from scansearch.errors import ScansearchError
from scansearch.lazy import torch
from scansearch.space.algebras import Counts
from scansearch.space.best_within import best_within
from scansearch.space.bound_budget import BoundBudget
from scansearch.space.counts import RunningSums, convolve
from scansearch.space.draws import below, chance, pick
from scansearch.space.exact_scores import exact_scores
from scansearch.space.layer import LayerSpace

Choice = tuple[tuple[int, ...], ...]
"""A genotype by candidate indices: one ascending tuple a layer."""
Threshold = float | Sequence[float] | None
MUTATION_RATE = 0.1
TRIES = 100


@dataclass(frozen=True)
class BoundSpace(Sequence[LayerSpace]):
    """The layers' choices, and a budget over all of them. A sequence of ``LayerSpace``.

    Args:
        name: Name of the space.
        layers: What each layer chooses from.
        stages: The stage that each layer stands in, as it was bound.
        budget: What the genotype as a whole may cost; ``None`` does not limit it.
    """

    name: str
    layers: tuple[LayerSpace, ...]
    stages: tuple[int, ...]
    budget: BoundBudget | None = None

    def __len__(self) -> int:
        return len(self.layers)

    @overload
    def __getitem__(self, index: int) -> LayerSpace: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[LayerSpace, ...]: ...
    def __getitem__(self, index: int | slice) -> LayerSpace | tuple[LayerSpace, ...]:
        return self.layers[index]

    @property
    def limit(self) -> int | None:
        """Units of the budget; ``None`` without one."""
        return None if self.budget is None else self.budget.limit

    @cached_property
    def _suffixes(self) -> list[Counts]:
        """Number of choices by cost of the layers from each one on; the last entry is that of no layer."""
        suffixes: list[Counts] = [{0: 1}]
        for layer in reversed(self.layers):
            suffixes.insert(0, convolve(layer.counts, suffixes[0], self.limit))
        return suffixes

    @cached_property
    def _sums(self) -> list[RunningSums]:
        return [RunningSums(counts) for counts in self._suffixes]

    @property
    def counts(self) -> Counts:
        """Exact number of genotypes by cost in units of the budget, constraints and budget included."""
        return self._suffixes[0]

    @cached_property
    def size(self) -> int:
        """Exact number of genotypes, constraints and budget included."""
        return sum(self.counts.values())

    def sample(self, generator: torch.Generator | None = None, *, within: range | None = None) -> Choice:
        """A genotype, uniformly among all that satisfy the constraints and the budget.

        Args:
            generator: Where the random numbers come from; ``None`` is torch's global generator.
            within: Draw only among genotypes of these costs, in units of the budget; at least one must exist.
        """
        spent, chosen = 0, []
        for layer, rest in zip(self.layers, self._sums[1:], strict=True):
            costs = sorted(layer.counts)
            weights = [layer.counts[cost] * self._ways(rest, spent + cost, within) for cost in costs]
            cost = pick(costs, weights, generator)
            spent += cost
            chosen.append(layer.sample(generator, cost=cost))
        return tuple(chosen)

    def _ways(self, rest: RunningSums, spent: int, within: range | None) -> int:
        """How many choices of the layers that are left go with what is spent."""
        if within is None:
            return rest.at_most(self._left(spent))
        return rest.at_most(within.stop - 1 - spent) - rest.at_most(within.start - 1 - spent)

    def _left(self, spent: int) -> int | None:
        return None if self.limit is None else self.limit - spent

    def best(
        self, scores: Sequence[torch.Tensor], *, threshold: Threshold = None, among: Choice | None = None
    ) -> Choice:
        """The genotype of the largest total score that satisfies the constraints and the budget, exactly.

        Where a layer may keep several numbers of directions, what counts is the score above a threshold: beyond the least
        number, only directions that lie above it are kept. Of equals, the earlier candidates win.

        Args:
            scores: One of shape (N,) a layer, finite.
            threshold: The same for all layers, or one a layer; by default the mean of each layer's scores (1/N for a softmax).
            among: The candidates that each layer should choose from; others are taken only where these do not suffice.

        Raises:
            ScansearchError: If there is not one finite score a candidate.
        """
        limits = threshold if isinstance(threshold, Sequence) else [threshold] * len(self.layers)
        values = [
            exact_scores(found, limit, number, len(layer.candidates))
            for number, (layer, found, limit) in enumerate(zip(self.layers, scores, limits, strict=True))
        ]
        if among is not None:
            penalty = 1 + 2 * sum(abs(value) for layer in values for value in layer)
            values = [
                [value if i in wanted else value - penalty for i, value in enumerate(layer)]
                for layer, wanted in zip(values, among, strict=True)
            ]
        fronts = [layer.best_by_cost(found) for layer, found in zip(self.layers, values, strict=True)]
        if self.budget is None:
            return tuple(next(reversed(front.values()))[1] for front in fronts)
        return best_within(fronts, self.budget.limit)

    def cost(self, choice: Choice) -> int:
        """Cost in units of the budget."""
        return sum(layer.cost(chosen) for layer, chosen in zip(self.layers, choice, strict=True))

    def excess(self, choice: Choice) -> int:
        """By how many units of the budget a genotype exceeds it; 0 or less within it, and without one."""
        return 0 if self.limit is None else self.cost(choice) - self.limit

    def total_cost(self, choice: Choice) -> float:
        """Cost of the whole network, in ``cost_unit``."""
        return float(sum(map(len, choice))) if self.budget is None else self.budget.exact(self.directions(choice))

    def cost_text(self, choice: Choice) -> str:
        """The same in words."""
        cost = self.total_cost(choice)
        return f"{int(cost):,} {self.cost_unit}" if cost.is_integer() else f"{cost:,.6g} {self.cost_unit}"

    @property
    def cost_unit(self) -> str:
        """What costs are told in: the budget's unit, FLOPs or ms; without a budget, directions kept."""
        return "directions" if self.budget is None else self.budget.costs.unit

    def allows(self, choice: Choice) -> bool:
        """Whether a genotype is one of the space."""
        fits = len(choice) == len(self.layers) and all(map(LayerSpace.allows, self.layers, choice))
        return fits and self.excess(choice) <= 0

    def neighbours(self, choice: Choice) -> Iterator[Choice]:
        """The genotypes one move away: in one layer a direction swapped, added or dropped."""
        return (self._moved(choice, number, moved) for number, moved in self._moves(choice))

    def _moves(self, choice: Choice) -> Iterator[tuple[int, tuple[int, ...]]]:
        """The layer that a move changes, and what it keeps then."""
        left = self._left(self.cost(choice))
        for number, layer in enumerate(self.layers):
            kept = layer.cost(choice[number])
            for moved in layer.neighbours(choice[number]):
                if left is None or layer.cost(moved) - kept <= left:
                    yield number, moved

    @staticmethod
    def _moved(choice: Choice, number: int, moved: tuple[int, ...]) -> Choice:
        return (*choice[:number], moved, *choice[number + 1 :])

    def mutate(
        self, choice: Choice, generator: torch.Generator | None = None, *, rate: float = MUTATION_RATE
    ) -> Choice:
        """Draws each layer anew with probability ``rate``, and at least one; 0.1 as in SPOS (arXiv 1904.00420).

        A result beyond the budget is drawn again, at most 100 times; then it is a random genotype one move away. A genotype that is the
        only one stays as it is.
        """
        for _ in range(TRIES if self.size > 1 else 0):
            always = below(len(self.layers), generator)
            mutated = tuple(
                layer.sample(generator) if chance(rate, generator) or number == always else choice[number]
                for number, layer in enumerate(self.layers)
            )
            if mutated != choice and self.excess(mutated) <= 0:
                return mutated
        near = list(self._moves(choice))
        return self._moved(choice, *near[below(len(near), generator)]) if near else choice

    def crossover(self, one: Choice, other: Choice, generator: torch.Generator | None = None) -> Choice:
        """Takes each layer from either parent, with equal chances; beyond the budget again, at most 100 times."""
        for _ in range(TRIES):
            child = tuple(a if chance(0.5, generator) else b for a, b in zip(one, other, strict=True))
            if self.excess(child) <= 0:
                return child
        return one

    def distance(self, one: Choice, other: Choice) -> int:
        """Moves from one genotype to the other, constraints aside: swaps, additions and removals, added up over layers."""
        pairs = [(set(a), set(b)) for a, b in zip(one, other, strict=True)]
        return sum(max(len(a - b), len(b - a)) for a, b in pairs)

    def encode(self, choice: Choice) -> np.ndarray:
        """Zeros and ones, float64 of shape (sum of N,): which candidates each layer keeps, layer after layer."""
        chosen = [np.isin(np.arange(len(layer.candidates)), kept) for layer, kept in zip(self, choice, strict=True)]
        return np.concatenate(chosen).astype(np.float64)

    def decode(self, vector: np.ndarray) -> Choice:
        """The genotype for any vector in [0, 1] of shape (sum of N,): ``best`` with threshold 0.5. Undoes ``encode``."""
        sizes = [len(layer.candidates) for layer in self.layers]
        if np.shape(vector) != (sum(sizes),):
            raise ScansearchError(
                f"a vector of this space has shape ({sum(sizes)},), one entry a candidate, but got {np.shape(vector)}"
            )
        parts = np.split(np.asarray(vector, dtype=np.float64), np.cumsum(sizes)[:-1])
        return self.best([torch.from_numpy(part) for part in parts], threshold=0.5)

    def fingerprint(self) -> str:
        """SHA-256 of what can be chosen and what it costs: spaces of the same fingerprint have the same genotypes."""
        layers = [
            (
                layer.candidates,
                (layer.least, layer.most),
                [(sorted(map(sorted, rule.sets)), rule.least, rule.most) for rule in layer.rules],
                layer.costs,
            )
            for layer in self.layers
        ]
        cost = self.budget and (self.budget.limit, self.budget.unit_cost, self.budget.costs.fixed, self.cost_unit)
        return hashlib.sha256(repr((layers, cost)).encode()).hexdigest()

    def notes(self) -> list[str]:
        """What is odd, a line each: candidates coincide on a grid, a window is larger than it, costs are rounded, one genotype is all."""
        layers = {id(layer): layer for layer in self.layers}.values()
        found = [note for layer in layers for note in layer.notes()]
        fixed = [f"space {self.name!r} allows one genotype alone here: there is nothing to choose"] * (self.size == 1)
        return [*dict.fromkeys(found), *(self.budget.notes() if self.budget else []), *fixed]

    def directions(self, choice: Choice) -> list[list[str]]:
        """The names behind the indices, layer by layer."""
        return [[layer.candidates[i] for i in kept] for layer, kept in zip(self.layers, choice, strict=True)]

    def choice(self, directions: Sequence[Sequence[str]]) -> Choice:
        """The indices behind the names; a direction that was merged on a layer's grid stands for its equal.

        Raises:
            ScansearchError: If the number of layers is wrong, a direction is none of a layer's candidates, or the whole is
                not allowed.
        """
        if len(directions) != len(self.layers):
            raise ScansearchError(f"space {self.name!r} has {len(self.layers)} layers here, but got {len(directions)}")
        choice = tuple(_indices(layer, names, i) for i, (layer, names) in enumerate(zip(self, directions, strict=True)))
        if self.budget is not None and self.cost(choice) > self.budget.limit:
            raise ScansearchError(f"this genotype costs {self.budget.describe(self.cost(choice))}, beyond the budget")
        for number, (layer, kept) in enumerate(zip(self.layers, choice, strict=True)):
            if not layer.allows(kept):
                raise ScansearchError(
                    f"layer {number + 1} may not keep {', '.join(directions[number])} in space {self.name!r}; it keeps "
                    f"{layer.least} to {layer.most} different directions that satisfy the constraints"
                )
        return choice


def _indices(layer: LayerSpace, names: Sequence[str], number: int) -> tuple[int, ...]:
    meant = [layer.merged.get(name, name) for name in names]
    if foreign := [name for name in meant if name not in layer.candidates]:
        raise ScansearchError(
            f"layer {number + 1} has no candidate {foreign[0]!r}; its candidates are {', '.join(layer.candidates)}"
        )
    return tuple(sorted(layer.candidates.index(name) for name in meant))
