"""The genetic search of SPOS (Guo et al., arXiv 1904.00420, section 3.4), for strategies that sample and then evolve."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field
from typing_extensions import override

from scansearch.runs.limits import MOST_JUDGED
from scansearch.space import Choice
from scansearch.strategy.black_box.ask import Ask
from scansearch.strategy.black_box.black_box_strategy import BlackBox, BlackBoxSettings, one_of

if TYPE_CHECKING:
    import torch


class GeneticSettings(BlackBoxSettings):
    """Settings of the genetic search; the defaults are the published ones."""

    generations: int = Field(
        20, ge=0, le=MOST_JUDGED, description="Generations of the evolution after training; 0: random genotypes."
    )
    population: int = Field(
        50, ge=2, le=MOST_JUDGED, description="Genotypes that the evolution begins with, drawn at random."
    )
    parents: int = Field(
        10, ge=1, le=MOST_JUDGED, description="Best genotypes so far, from which the next generation comes."
    )
    mutations: int = Field(
        25, ge=0, le=MOST_JUDGED, description="Genotypes of a generation that are mutations of a parent."
    )
    crossovers: int = Field(25, ge=0, le=MOST_JUDGED, description="Genotypes of a generation that mix two parents.")
    mutation_rate: float = Field(0.1, gt=0, le=1, description="Probability with which a mutation redraws a layer.")


class GeneticSearch(BlackBox):
    """Evolves genotypes from the best so far by mutation and crossover."""

    Settings = GeneticSettings
    settings: GeneticSettings

    @property
    @override
    def judgements(self) -> int:
        generation = self.settings.mutations + self.settings.crossovers
        return self.settings.population + self.settings.generations * generation

    @property
    @override
    def top(self) -> int:
        return self.settings.parents

    @override
    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        settings = self.settings
        ask.new(partial(self.draw, random), settings.population)
        for _ in range(settings.generations):
            parents = ask.best(settings.parents)
            ask.new(partial(self._mutant, parents, random), settings.mutations)
            ask.new(partial(self._child, parents, random), settings.crossovers)
        return ask.best(1)[0]

    def _mutant(self, parents: list[Choice], random: torch.Generator) -> Choice:
        return self.space.mutate(one_of(parents, random), random, rate=self.settings.mutation_rate)

    def _child(self, parents: list[Choice], random: torch.Generator) -> Choice:
        return self.space.crossover(one_of(parents, random), one_of(parents, random), random)
