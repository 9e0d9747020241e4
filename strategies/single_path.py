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

from scansearch.strategy.black_box import GeneticSearch


class SinglePath(GeneticSearch):
    """Trains drawn sub-networks, then evolves genotypes with the supernet as the judge."""

    description = (
        "one random genotype a step, then evolution with the supernet as judge (SPOS); cheap for many directions"
    )
    when = "very many directions, constraints or a budget; the supernet ranks genotypes directly"
