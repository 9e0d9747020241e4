"""Single-path sampling (SPOS, Guo et al., arXiv 1904.00420): one random sub-network a step, then evolution.

Every step trains one genotype drawn uniformly from the space, or under a budget evenly over costs, so a step costs about
k/N of a mixture over all N candidates, and its sub-network computes exactly what the derived network will: the plain sum
of its branches. After training, an evolutionary search over genotypes, each judged on the validation images with the
supernet's weights, finds the one to keep (section 3.4: population 50, top 10, 25 mutations with rate 0.1 and 25
crossovers, 20 generations).

SPOS recomputes the statistics of batch normalisation for every genotype. Vision Mamba networks have none; for a backbone
that does, the running ones are used, and a warning says so.
"""

from __future__ import annotations

from typing import ClassVar

from scansearch.strategy.black_box import GeneticSearch
from scansearch.strategy.preset import IMAGENET_AUGMENT, Preset


class SinglePath(GeneticSearch):
    """Trains drawn sub-networks, then evolves genotypes with the supernet as the judge."""

    description = (
        "one random genotype a step, then evolution with the supernet as judge (SPOS); cheap for many directions"
    )
    presets: ClassVar[dict[str, Preset]] = {
        "spos": Preset(
            source="Guo et al., arXiv 1904.00420, and their code: on ImageNet",
            settings={
                "train": {
                    "epochs": 120, "batch_size": 1024, "optimizer": "sgd", "lr": 0.5, "min_lr": 0.0, "warmup_epochs": 0,
                    "momentum": 0.9, "weight_decay": 4e-5, "clip_norm": 0.0, "label_smoothing": 0.1,
                },
                "augment": {**IMAGENET_AUGMENT, "jitter": 0.4},
                "strategy": {
                    "population": 50, "generations": 20, "parents": 10, "mutations": 25, "crossovers": 25,
                    "mutation_rate": 0.1,
                },
            },
            not_here=(
                "a rate that falls linearly: a cosine here", "statistics of batch normalisation for each genotype",
                "a limit of FLOPs: give the space a budget",
            ),
        ),
    }  # fmt: skip
    when = "very many directions, constraints or a budget"
