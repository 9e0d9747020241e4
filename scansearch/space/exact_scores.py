"""Scores as integers, so that sums of them are exact."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from scansearch.errors import ScansearchError
from scansearch.lazy import torch

PRECISION = 96  # bits after the point


def exact_scores(scores: torch.Tensor, threshold: float | None, number: int, candidates: int) -> list[int]:
    """A layer's scores above a threshold, as integers.

    Args:
        scores: Of shape (candidates,).
        threshold: What is subtracted; ``None`` takes the mean of the scores.
        number: Which layer it is, from 0, for messages.
        candidates: How many candidates it has.

    Raises:
        ScansearchError: If there is not one finite score a candidate.
    """
    if scores.shape != (candidates,):
        raise ScansearchError(
            f"layer {number + 1} has {candidates} candidates and needs one score for each, but got shape {tuple(scores.shape)}"
        )
    values = scores.double().tolist()
    if not all(map(np.isfinite, values)):
        raise ScansearchError(f"scores must be finite, but layer {number + 1} has {values}; the search diverged")
    base = sum(map(Fraction, values)) / len(values) if threshold is None else Fraction(threshold)
    return [round((Fraction(value) - base) * (1 << PRECISION)) for value in values]
