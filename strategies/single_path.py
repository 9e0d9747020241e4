"""Single-path sampling (SPOS, Guo et al., arXiv 1904.00420): one random sub-network a step, then evolution.

Every step trains one genotype drawn uniformly from the space, so a step costs about k/N of a mixture over all N
candidates, and its sub-network computes exactly what the derived network will: the plain sum of its branches. After
training, an evolutionary search over genotypes, each judged on the validation images with the supernet's weights, finds
the one to keep (section 3.4: population 50, top 10, 25 mutations with rate 0.1 and 25 crossovers, 20 generations).

SPOS recomputes the statistics of batch normalisation for every genotype. Vision Mamba networks have none; for a backbone
that does, the running ones are used, and a warning says so.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch.nn.modules.batchnorm import _BatchNorm

from scansearch.engine.strategy import Plan, Strategy, StrategySettings
from scansearch.models import Selection, Supernet
from scansearch.space import BoundSpace, Choice

TRIES = 10


class SinglePathSettings(StrategySettings):
    """Settings of single-path sampling; the defaults are the published ones."""

    generations: int = Field(20, ge=0, description="Generations of the evolution after training; 0: random genotypes.")
    population: int = Field(50, ge=2, description="Genotypes that the evolution begins with, drawn at random.")
    parents: int = Field(10, ge=1, description="Best genotypes so far, from which the next generation comes.")
    mutations: int = Field(25, ge=0, description="Genotypes of a generation that are mutations of a parent.")
    crossovers: int = Field(25, ge=0, description="Genotypes of a generation that mix two parents.")
    mutation_rate: float = Field(0.1, gt=0, le=1, description="Probability with which a mutation redraws a layer.")


class SinglePath(Strategy):
    """Trains uniformly drawn sub-networks, then evolves genotypes with the supernet as the judge."""

    description = (
        "one random genotype a step, then evolution with the supernet as judge (SPOS); cheap for many directions"
    )
    Settings = SinglePathSettings
    settings: SinglePathSettings
    presets: ClassVar[dict[str, dict[str, dict[str, Any]]]] = {}

    @property
    def judgements(self) -> int:
        """The first population, and all generations."""
        generation = self.settings.mutations + self.settings.crossovers
        return self.settings.population + self.settings.generations * generation

    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        """Draws the genotype whose accuracy is reported while training; nothing is chosen yet."""
        super().setup(supernet, space, plan)
        self.best = space.sample(torch.Generator().manual_seed(plan.seed))
        self.accuracies: dict[Choice, float] = {}

    def notes(self) -> list[str]:
        """A warning if there is batch normalisation."""
        if not any(isinstance(module, _BatchNorm) for module in self.supernet.modules()):
            return []
        return ["this supernet has batch normalisation: genotypes are judged with running statistics that mix them all"]

    def select(self, step: int) -> list[Selection]:
        """A uniformly drawn genotype; its branches are added up as in the derived network."""
        return self.derived(self.space.sample())

    def derived(self, choice: Choice) -> list[Selection]:
        """The plain sum of the branches: the derived network itself."""
        return [Selection(kept) for kept in choice]

    def evaluation(self) -> list[Selection]:
        """The best genotype, or before the evolution one that was drawn once."""
        return self.derived(self.best)

    def finish(self, evaluate: Callable[[Sequence[Selection]], float]) -> None:
        """Evolves genotypes. After an interruption it runs again from its seed and meets the accuracies it knows."""
        settings, random = self.settings, torch.Generator().manual_seed(self.plan.seed + 1)
        judged: dict[Choice, float] = {}

        def judge(draw: Callable[[], Choice], count: int) -> None:
            for choice in _new(draw, count, judged):
                if choice not in self.accuracies:
                    self.accuracies[choice] = evaluate(self.derived(choice))
                judged[choice] = self.accuracies[choice]

        judge(partial(self.space.sample, random), settings.population)
        for _ in range(settings.generations):
            parents = _best(judged, settings.parents)
            judge(partial(self._mutant, parents, random), settings.mutations)
            judge(partial(self._child, parents, random), settings.crossovers)
        self.best = _best(judged, 1)[0]

    def _mutant(self, parents: list[Choice], random: torch.Generator) -> Choice:
        return self.space.mutate(_one_of(parents, random), random, rate=self.settings.mutation_rate)

    def _child(self, parents: list[Choice], random: torch.Generator) -> Choice:
        return self.space.crossover(_one_of(parents, random), _one_of(parents, random), random)

    def scores(self) -> list[torch.Tensor]:
        """Each candidate's share among those that the best genotypes keep; uniform before the evolution."""
        if not self.accuracies:
            return [
                torch.full((n,), 1 / n, dtype=torch.float64) for n in (len(layer.candidates) for layer in self.space)
            ]
        top = [self.space.encode(choice) for choice in _best(self.accuracies, self.settings.parents)]
        counts = torch.from_numpy(sum(top[1:], start=top[0]))
        return [part / part.sum() for part in counts.split([len(layer.candidates) for layer in self.space])]

    def choose(self) -> Choice:
        """The best genotype that was judged."""
        return self.best

    def state_dict(self) -> dict[str, Any]:
        """The accuracies so far: they are dear."""
        return {"best": self.best, "accuracies": [list(item) for item in self.accuracies.items()]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back the accuracies."""
        self.best, self.accuracies = state["best"], dict(state["accuracies"])


def _new(draw: Callable[[], Choice], count: int, judged: dict[Choice, float]) -> Iterator[Choice]:
    """``count`` genotypes that were not judged yet, or fewer if few are left: each is drawn at most 10 times."""
    for _ in range(count):
        for _ in range(TRIES):
            if (drawn := draw()) not in judged:
                yield drawn
                break


def _one_of(parents: list[Choice], random: torch.Generator) -> Choice:
    return parents[int(torch.randint(len(parents), (), generator=random))]


def _best(judged: dict[Choice, float], count: int) -> list[Choice]:
    """The most accurate; of equals the one judged first."""
    return heapq.nlargest(count, judged, key=lambda choice: judged[choice])
