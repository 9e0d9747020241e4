"""An additive surrogate with Thompson sampling (BOCS, Baptista & Poloczek, arXiv 1806.08838, of first order).

What a genotype is worth is taken for a sum: accuracy = b0 + the gains of the directions that each layer keeps + noise. Random
genotypes come first. Then, judgement by judgement, gains are drawn from their posterior (section 3.2 there), and the genotype
that is best by them is judged: exactly the best within the space, its constraints and its budget, where BOCS relaxes.

The last judgement is that of the genotype that is best by the posterior mean, and this one is chosen (``pick=expected``).
"""

from __future__ import annotations

from functools import partial

from pydantic import Field
from typing_extensions import override

from scansearch.lazy import torch
from scansearch.runs.limits import MOST_JUDGED
from scansearch.space import Choice
from scansearch.strategy.black_box import PICK, Ask, BlackBox, BlackBoxSettings, Pick

DRAWS = 3
"""Draws of gains for a judgement, as long as what they make best is known already."""


class SurrogateSettings(BlackBoxSettings):
    """Settings of the search by an additive surrogate."""

    pick: Pick = Field("expected", description=PICK)

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
    def judgements(self) -> int:
        return self.settings.trials - (self.settings.pick == "expected")

    @override
    def search(self, ask: Ask, random: torch.Generator) -> Choice:
        most = self.judgements
        ask.new(partial(self.draw, random), min(self.settings.initial, most))
        while len(ask.accuracies) < most and (choice := self._proposed(ask, random)) is not None:
            ask(choice)
        return ask.best(1)[0]

    @override
    def expected(self, found: Choice, ask: Ask) -> Choice:
        """What the posterior mean makes best, however few were judged: the model that proposed also chooses."""
        best = self.additive.best(self.additive.posterior(ask.accuracies).mean)
        ask(best)
        return best

    def _proposed(self, ask: Ask, random: torch.Generator) -> Choice | None:
        """What a draw makes best, or its best neighbour, or a random one: the first that is not known; ``None`` if none is left."""
        posterior = self.additive.posterior(ask.accuracies)
        for _ in range(DRAWS):
            gains = posterior.draw(random)
            if (drawn := self.additive.best(gains)) not in ask.accuracies:
                return drawn
        if near := [choice for choice in self.space.neighbours(drawn) if choice not in ask.accuracies]:
            worth = [layer.tolist() for layer in self.additive.layers(gains)]
            return max(near, key=lambda choice: sum(worth[i][j] for i, kept in enumerate(choice) for j in kept))
        return ask.unknown(partial(self.draw, random))

    @override
    def scores(self) -> list[torch.Tensor]:
        """The posterior mean of each direction's gain, in accuracy; 0 before the search.

        Where a layer keeps a fixed number, that is over the mean of the layer's candidates.
        """
        if not self.accuracies:
            return [torch.zeros(len(layer.candidates), dtype=torch.float64) for layer in self.space]
        return self.additive.layers(self.additive.posterior(self.accuracies).mean)

    @override
    def final_diagnostics(self) -> dict[str, float]:
        """Posterior standard deviations of the gains, as ``scores`` tells them, and that of the noise."""
        posterior = self.additive.posterior(self.accuracies)
        sizes = [(len(layer.candidates), layer.least == layer.most) for layer in self.space]
        prior = [torch.full((size,), 1 - fixed / size, dtype=torch.float64) for size, fixed in sizes]
        deviations = posterior.deviations(torch.cat(prior)).tolist()
        names = [f"sd {number} {name}" for number, layer in enumerate(self.space) for name in layer.candidates]
        return {"noise": posterior.noise, **dict(zip(names, deviations, strict=True))}
