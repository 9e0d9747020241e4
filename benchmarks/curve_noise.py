"""How much one training of a network tells: its spread about the mean of the genotype's, and whether some seeds are better than others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import f


@dataclass(frozen=True)
class Noise:
    """What repeated trainings of the same genotypes say.

    Args:
        deviation: Standard deviation of one training about the mean of its genotype's, in the unit of the accuracies.
        genotypes: How many were trained more than once.
        p: How probable such differences between seeds would be if none were better than another (F test of a model of two ways).
    """

    deviation: float
    genotypes: int
    p: float


def noise_of(trained: Iterable[Mapping[int, float]]) -> Noise | None:
    """From each genotype's accuracies by seed; ``None`` where none was trained more than once, or too few to tell."""
    again = [by_seed for by_seed in trained if len(by_seed) > 1]
    seeds = sorted({seed for by_seed in again for seed in by_seed})
    cells = [(place, seeds.index(seed), value) for place, by in enumerate(again) for seed, value in by.items()]
    if len(cells) <= len(again) + len(seeds):
        return None
    rows, (genotypes, columns, values) = np.arange(len(cells)), map(np.array, zip(*cells, strict=True))
    of_genotype, of_seed = np.zeros((len(cells), len(again))), np.zeros((len(cells), len(seeds)))
    of_genotype[rows, genotypes.astype(int)] = of_seed[rows, columns.astype(int)] = 1
    (without, left), (with_seeds, least) = (
        _left(model, values) for model in (of_genotype, np.hstack([of_genotype, of_seed]))
    )
    ratio = (without - with_seeds) / (left - least) / (with_seeds / least) if with_seeds > 0 else float("inf")
    return Noise(float(np.sqrt(without / left)), len(again), float(f.sf(ratio, left - least, least)))


def _left(model: np.ndarray, values: np.ndarray) -> tuple[float, int]:
    """Sum of squares that a linear model leaves, and its degrees of freedom."""
    found, _, rank, _ = np.linalg.lstsq(model, values, rcond=None)
    return float(((values - model @ found) ** 2).sum()), len(values) - int(rank)
