"""NSGA-II by Optuna (Deb et al., doi 10.1109/4235.996017), with the children of a space: what is proposed is always allowed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import NSGAIISampler
from typing_extensions import override

from scansearch.space import BoundSpace, Choice, views

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

SHARE, FEWEST, MOST = 10, 4, 100


def population(trials: int) -> int:
    """Genotypes of a generation: a tenth of all trials, from 4 to 100."""
    return min(max(trials // SHARE, FEWEST), MOST)


class Nsga2(NSGAIISampler):
    """NSGA-II for accuracy against cost.

    A child takes each layer from one of two parents, each the better of two drawn ones; then each layer is drawn anew with
    probability 1 / layers, and at least one.

    Args:
        space: What genotypes are of.
        trials: Trials of the study, which decide the size of a generation.
        seed: Seed of its random numbers.
    """

    def __init__(self, space: BoundSpace, trials: int, seed: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            super().__init__(population_size=population(trials), seed=seed, child_generation_strategy=self._child)
        self.space, self.random = space, torch.Generator().manual_seed(seed)

    @override
    def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
        """By number: Optuna orders them by rank once and by number from then on, and draws by their place."""
        return sorted(super().select_parent(study, generation), key=lambda trial: trial.number)

    def _child(
        self, study: Study, search_space: dict[str, BaseDistribution], parents: list[FrozenTrial]
    ) -> dict[str, Any]:
        child = self.space.crossover(self._parent(parents), self._parent(parents), self.random)
        child = self.space.mutate(child, self.random, rate=1 / len(self.space))
        values = views.to_parameters(self.space, child, self.random)
        return {name: values[name] for name in search_space}

    def _parent(self, parents: list[FrozenTrial]) -> Choice:
        one, other = (parents[i] for i in torch.randint(len(parents), (2,), generator=self.random).tolist())
        best = other if _dominates(other, one) else one
        return views.from_parameters(self.space, best.params)


def _dominates(one: FrozenTrial, other: FrozenTrial) -> bool:
    """Whether one is as accurate and as cheap as the other, and not equal in both."""
    (accuracy, cost), (less, more) = one.values, other.values
    return accuracy >= less and cost <= more and (accuracy, cost) != (less, more)
