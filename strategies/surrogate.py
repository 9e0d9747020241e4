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

import numpy as np
import torch
from pydantic import Field
from typing_extensions import override

from scansearch.models import Supernet
from scansearch.runs.limits import MOST_JUDGED
from scansearch.space import BoundSpace, Choice
from scansearch.strategy import Plan, Traits
from scansearch.strategy.black_box import Ask, BlackBox, BlackBoxSettings

RATIOS = 10.0 ** (torch.arange(-8, 13, dtype=torch.float64) / 2)
"""Variance of a gain over that of the noise, from 0.0001 to a million: equally likely before anything is judged."""
SHAPE, NOISE = 2.0, 1e-4
"""Prior of the noise's variance: inverse gamma of this shape, with mean ``NOISE`` squared (a hundredth of a point).

Twice the shape is whole, so that a gamma variate is half a sum of squared normal ones.
"""
DRAWS = 3
"""Draws of gains for a judgement, as long as what they make best is known already."""


class Posterior:
    """The posterior of a linear regression with a normal-inverse-gamma prior, a flat one of the intercept, and one over ``RATIOS``.

    With X and y about their means, X = U diag(s) V', and b ~ N(0, r v I), v ~ InvGamma(a0, c0), for each r::

        mean        = V diag(r s / (1 + r s^2)) U'y
        cov / v     = r (I - V diag(r s^2 / (1 + r s^2)) V')
        v           ~ InvGamma(a0 + (n - 1) / 2, c),  c = c0 + (|y|^2 - sum r s^2 / (1 + r s^2) (U'y)^2) / 2
        p(r)        ~ prod (1 + r s^2)^(-1/2) c^(-a0 - (n - 1) / 2)

    (Gelman et al., Bayesian Data Analysis, 3rd edition, section 14.8, in the basis of the singular vectors.) What the data do not
    tell keeps its prior: where every layer keeps k directions, the sum of a layer's gains, whose mean is then 0. No matrix is
    inverted, and nothing is divided by less than 1.

    Args:
        kept: What is kept, zeros and ones, float64 (n, P).
        accuracies: Float64 (n,).
    """

    def __init__(self, kept: torch.Tensor, accuracies: torch.Tensor) -> None:
        y = accuracies - accuracies.mean()
        left, values, self._vectors = torch.linalg.svd(kept - kept.mean(0), full_matrices=False)
        told = left.T @ y
        untold = (y - left @ told).square().sum()
        self._times = 1 + RATIOS[:, None] * values.square()  # (R, K)
        self._shape = SHAPE + (len(y) - 1) / 2
        self._scales = (SHAPE - 1) * NOISE**2 + (untold + (told.square() / self._times).sum(1)) / 2  # (R,)
        self.weights = (-self._times.log().sum(1) / 2 - self._shape * self._scales.log()).softmax(0)
        """Probability of each ratio (R,)."""
        self._means = RATIOS[:, None] * values / self._times * told  # (R, K)
        self.mean = self.weights @ self._means @ self._vectors
        """Gains (P,)."""

    def draw(self, random: torch.Generator) -> torch.Tensor:
        """Ratio, noise and gains are drawn together; these are the gains (P,)."""
        r = int(torch.multinomial(self.weights, 1, generator=random))
        gamma = torch.randn(round(2 * self._shape), generator=random, dtype=torch.float64).square().sum() / 2
        normal = torch.randn(len(self.mean), generator=random, dtype=torch.float64)
        # The prior's draw, narrowed along the directions that the data tell something of.
        narrowed = normal + ((self._times[r].rsqrt() - 1) * (self._vectors @ normal)) @ self._vectors
        return self._means[r] @ self._vectors + (RATIOS[r] * self._scales[r] / gamma).sqrt() * narrowed

    @property
    def noise(self) -> float:
        """Standard deviation of what the sum of gains does not explain."""
        return float(self.weights @ self._scales / (self._shape - 1)) ** 0.5

    def deviations(self, prior: torch.Tensor) -> torch.Tensor:
        """Posterior standard deviations (P,).

        Args:
            prior: Prior variance of each, over that of a gain: 1, or less if it is told as a difference from others.
        """
        told = (1 - 1 / self._times) @ self._vectors.square()  # (R, P)
        within = (RATIOS * self._scales)[:, None] / (self._shape - 1) * (prior - told).clamp_min(0)
        between = (self._means @ self._vectors - self.mean).square()
        return (self.weights @ (within + between)).sqrt()


class SurrogateSettings(BlackBoxSettings):
    """Settings of the search by an additive surrogate."""

    trials: int = Field(200, ge=2, le=MOST_JUDGED, description="Genotypes to judge.")
    initial: int = Field(
        30, ge=1, le=MOST_JUDGED, description="Random genotypes to judge before the model proposes any."
    )


class Surrogate(BlackBox):
    """Learns what each direction of each layer adds, and judges what that makes best."""

    description = "learns what each direction adds, and judges what that makes best (BOCS of first order)"
    when = "judgements are dear or noisy, and directions rather add up than depend on each other"
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
