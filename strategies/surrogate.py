"""An additive surrogate with Thompson sampling (BOCS, Baptista & Poloczek, arXiv 1806.08838, of first order).

What a genotype is worth is taken for a sum: accuracy = b0 + the gains of the directions that each layer keeps + noise. Random
genotypes come first. Then, judgement by judgement, gains are drawn from their posterior (section 3.2 there), and the genotype
that is best by them is judged: exactly the best within the space, its constraints and its budget, where BOCS relaxes.

The last judgement is that of the genotype that is best by the posterior mean, and this one is chosen: the most accurate of the
judged is flattered by the noise of its own judgement, which the mean over all of them is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field
from typing_extensions import override

from scansearch.lazy import torch
from scansearch.runs.limits import MOST_JUDGED
from scansearch.space import BoundSpace, Choice
from scansearch.strategy import Plan, Traits
from scansearch.strategy.black_box import Ask, BlackBox, BlackBoxSettings

if TYPE_CHECKING:
    import numpy as np

    from scansearch.models import Supernet
    from scansearch.strategy.black_box.posterior import Posterior

DRAWS = 3
"""Draws of gains for a judgement, as long as what they make best is known already."""


class SurrogateSettings(BlackBoxSettings):
    """Settings of the search by an additive surrogate."""

    trials: int = Field(200, ge=2, le=MOST_JUDGED, description="Genotypes to judge.")
    initial: int = Field(
        30, ge=1, le=MOST_JUDGED, description="Random genotypes to judge before the model proposes any."
    )


class Surrogate(BlackBox):
    """Learns what each direction of each layer adds, and judges what that makes best."""

    description = "learns what each direction adds, and judges what that makes best (BOCS of first order)"
    when = "one of the two that found most for their time (docs/evidence.md); many directions, noisy judgements"
    score_name = "gain in accuracy"
    Settings = SurrogateSettings
    settings: SurrogateSettings

    @property
    @override
    def traits(self) -> Traits:
        return super().traits._replace(judgements=self.settings.trials)

    @override
    def setup(self, supernet: Supernet, space: BoundSpace, plan: Plan) -> None:
        super().setup(supernet, space, plan)
        self._encoded: dict[Choice, np.ndarray] = {}  # every judgement needs all of them

    @override
    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        most = self.settings.trials - 1  # and one for the choice
        ask.new(partial(self.space.sample, random), min(self.settings.initial, most))
        while len(ask.accuracies) < most and (choice := self._proposed(ask, random)) is not None:
            ask(choice)
        best = self._best(self._posterior(ask.accuracies).mean)
        ask(best)
        return best

    def _proposed(self, ask: Ask, random: torch.Generator) -> Choice | None:
        """What a draw makes best, or its best neighbour, or a random one: the first that is not known; ``None`` if none is left."""
        posterior = self._posterior(ask.accuracies)
        for _ in range(DRAWS):
            gains = posterior.draw(random)
            if (drawn := self._best(gains)) not in ask.accuracies:
                return drawn
        if near := [choice for choice in self.space.neighbours(drawn) if choice not in ask.accuracies]:
            worth = [layer.tolist() for layer in self._layers(gains)]
            return max(near, key=lambda choice: sum(worth[i][j] for i, kept in enumerate(choice) for j in kept))
        return ask.unknown(partial(self.space.sample, random))

    def _posterior(self, judged: Mapping[Choice, float]) -> Posterior:
        import numpy as np

        from scansearch.strategy.black_box.posterior import Posterior

        for choice in judged.keys() - self._encoded.keys():
            self._encoded[choice] = self.space.encode(choice)
        kept = torch.from_numpy(np.stack([self._encoded[choice] for choice in judged]))
        return Posterior(kept, torch.tensor(list(judged.values()), dtype=torch.float64))

    def _layers(self, values: torch.Tensor) -> list[torch.Tensor]:
        return list(values.split([len(layer.candidates) for layer in self.space]))

    def _best(self, gains: torch.Tensor) -> Choice:
        """Of the largest sum of gains; a direction that a layer need not keep must add something."""
        return self.space.best(self._layers(gains), threshold=0.0)

    @override
    def scores(self) -> list[torch.Tensor]:
        """The posterior mean of each direction's gain, in accuracy; 0 before the search.

        Where a layer keeps a fixed number, that is over the mean of the layer's candidates.
        """
        if not self.accuracies:
            return [torch.zeros(len(layer.candidates), dtype=torch.float64) for layer in self.space]
        return self._layers(self._posterior(self.accuracies).mean)

    @override
    def final_diagnostics(self) -> dict[str, float]:
        """Posterior standard deviations of the gains, as ``scores`` tells them, and that of the noise."""
        posterior = self._posterior(self.accuracies)
        sizes = [(len(layer.candidates), layer.least == layer.most) for layer in self.space]
        prior = [torch.full((size,), 1 - fixed / size, dtype=torch.float64) for size, fixed in sizes]
        deviations = posterior.deviations(torch.cat(prior)).tolist()
        names = [f"sd {number} {name}" for number, layer in enumerate(self.space) for name in layer.candidates]
        return {"noise": posterior.noise, **dict(zip(names, deviations, strict=True))}
