"""The settings that all gradient strategies have, and the published recipes behind their defaults."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from scansearch.runs.limits import MOST_JUDGED
from scansearch.strategy.sandwich import SandwichSettings

Level = Literal["joint", "bilevel", "unrolled"]
LARGEST_SHORT_RATE = 3e-2
"""To which a short search raises a published rate at most."""


class Recipe(NamedTuple):
    """How alpha is trained in a published search.

    Args:
        rate: Learning rate.
        decay: Weight decay, as published.
        betas: Adam's.
        updates: Updates of alpha in the whole search.
    """

    rate: float
    decay: float
    betas: tuple[float, float]
    updates: int


JOINT = Recipe(1e-3, 0.04, (0.9, 0.999), 100 * 1251)
"""LocalMamba: ImageNet, batch 1024."""
BILEVEL = Recipe(3e-4, 1e-3, (0.5, 0.999), 50 * 390)
"""DARTS: half of CIFAR-10, batch 64."""


ALPHA_WARMUP = "Share of the search, at its beginning, in which the weights learn and alpha stands still."


class GradientSettings(SandwichSettings):
    """Settings that all gradient strategies have."""

    level: Level = Field(
        "joint", description="joint: alpha and weights on the same batches; bilevel, unrolled: alpha on held-out data."
    )
    alpha_lr: float | None = Field(
        None,
        gt=0,
        le=10,
        description="Learning rate of alpha. Unset: the published rate times alpha's published updates over those of this run, at "
        "most 0.03, so that a short run can move alpha as far as the published one.",
    )
    alpha_weight_decay: float | None = Field(
        None, ge=0, le=100, description="Weight decay of alpha. Unset: 0 for joint, as published otherwise."
    )
    held_out: float = Field(0.5, gt=0, lt=1, description="Share of the training data for alpha (bilevel, unrolled).")
    alpha_warmup: float = Field(0.0, ge=0, lt=1, description=ALPHA_WARMUP)
    selection: Literal["magnitude", "perturbation", "one_shot"] = Field(
        "magnitude",
        description="How directions are kept: the best scores; those whose removal hurts the supernet most (DARTS-PT); or the "
        "best of some genotypes near the scores, judged by the supernet.",
    )
    perturbation_by: Literal["loss", "accuracy"] = Field(
        "loss",
        description="selection=perturbation: what a direction is missed by, the validation loss, which few images tell well, or "
        "the accuracy; both published.",
    )
    tuning: float = Field(
        0.1,
        ge=0,
        le=100,
        description="selection=perturbation: how long the supernet is fine-tuned between the decisions of two layers, alpha with "
        "it, as a share of the search; published: 5 of 50 epochs.",
    )
    judged: int = Field(100, ge=1, le=MOST_JUDGED, description="Genotypes judged by selection=one_shot.")
    perturb: Literal["none", "random", "adversarial"] = Field(
        "none",
        description="SDARTS: the weights (at level joint alpha too) learn under perturbed branch weights, at random or as bad as "
        "possible.",
    )
    perturb_from: float = Field(
        0.03, ge=0, le=1, description="Largest perturbation of a branch weight at the beginning."
    )
    perturb_to: float = Field(0.3, ge=0, le=1, description="And at the end; linear in between.")
    entropy: float = Field(0.0, ge=0, le=1000, description="Weight of the mean entropy of the scores in alpha's loss.")
    shortcut: float = Field(
        0.0,
        ge=0,
        le=100,
        description="DARTS-: the layer's input is added to its mixture, with this weight, linearly down to 0.",
    )
    curvature: Literal["off", "measure", "stop"] = Field(
        "off",
        description="Largest eigenvalue of the loss's Hessian in alpha. measure: after every epoch, into diagnostics.csv; stop: "
        "also end the search when it grows too fast, and go back (RobustDARTS).",
    )


class BilevelSettings(GradientSettings):
    """Settings of strategies that were published as bilevel searches."""

    level: Level = Field(
        "bilevel",
        description="bilevel, unrolled: alpha on held-out data; joint: alpha and weights on the same batches.",
    )
