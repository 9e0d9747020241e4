"""The posterior of an additive model: what each direction gains, and how sure that is."""

from __future__ import annotations

import torch

RATIOS = 10.0 ** (torch.arange(-8, 13, dtype=torch.float64) / 2)
"""Variance of a gain over that of the noise, from 0.0001 to a million: equally likely before anything is judged."""
SHAPE, NOISE = 2.0, 1e-4
"""Prior of the noise's variance: inverse gamma of this shape, with mean ``NOISE`` squared (a hundredth of a point).

Twice the shape is whole, so that a gamma variate is half a sum of squared normal ones.
"""


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
