"""What a search writes into the tables of its run folder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from scansearch.runs.tables import GenotypeRow, LayerRow, MetricsRow, ScoreRow
from scansearch.searching.certainty import History, entropy, margin
from scansearch.shape import Measure
from scansearch.space import BoundSpace, Choice
from scansearch.training.evaluate import Measured


def score_rows(space: BoundSpace, epoch: int, scores: Sequence[torch.Tensor], kept: Choice) -> list[ScoreRow]:
    """Rows of ``scores.csv``: epoch, layer, direction, score, and whether it is kept."""
    return [
        ScoreRow(epoch, i, name, float(score), j in kept[i])
        for i, layer in enumerate(space)
        for j, (name, score) in enumerate(zip(layer.candidates, scores[i], strict=True))
    ]


def layer_rows(epoch: int, scores: Sequence[torch.Tensor], kept: Choice, history: History) -> list[LayerRow]:
    """Rows of ``layers.csv``: epoch, layer, and how decided it is."""
    return [
        LayerRow(epoch, i, entropy(s), margin(s, k), history.changes(i))
        for i, (s, k) in enumerate(zip(scores, kept, strict=True))
    ]


def metrics_row(
    step: int,
    trained: tuple[float, float],
    found: Measured,
    measure: Measure,
    rates: tuple[float, float],
    layers: Sequence[LayerRow],
) -> MetricsRow:
    """A row of ``metrics.csv``.

    Args:
        step: Updates so far.
        trained: Mean loss of the epoch's training images, and the share of them that were right.
        found: What the supernet is worth on the validation images.
        measure: The name of that worth.
        rates: Learning rates of weights and alpha.
        layers: How decided the layers are after this epoch.
    """
    return MetricsRow(
        epoch=layers[0].epoch,
        step=step,
        train_loss=trained[0],
        train_accuracy=trained[1],
        val_loss=found.loss,
        val_accuracy=found.accuracy,
        worth=found.worth,
        measure=measure,
        lr=rates[0],
        alpha_lr=rates[1],
        entropy=math.fsum(line.entropy for line in layers) / len(layers),
        margin=min(line.margin for line in layers),
        genotype_changes=sum(line.changes for line in layers),
    )


def judged_rows(space: BoundSpace, judged: Mapping[Choice, float], measure: Measure) -> list[GenotypeRow]:
    """Rows of ``genotypes.csv``: number, worth and its measure, cost and its unit, whether on the front, and directions by layer."""
    front = pareto_front(space, judged)
    return [
        GenotypeRow(
            number,
            worth,
            measure,
            space.total_cost(choice),
            space.cost_unit,
            choice in front,
            _directions(space, choice),
        )
        for number, (choice, worth) in enumerate(judged.items(), start=1)
    ]


def _directions(space: BoundSpace, choice: Choice) -> str:
    return "; ".join(" ".join(layer) for layer in space.directions(choice))


def pareto_front(space: BoundSpace, judged: Mapping[Choice, float]) -> dict[Choice, int]:
    """The judged genotypes that no other beats in accuracy and cost, the cheapest first, each with its number from 1.

    Of genotypes that are equal in both, the one judged first.
    """
    numbers = {choice: number for number, choice in enumerate(judged, start=1)}
    front: dict[Choice, int] = {}
    best = float("-inf")
    for choice in sorted(judged, key=lambda c: (space.total_cost(c), -judged[c], numbers[c])):
        if judged[choice] > best:
            front[choice], best = numbers[choice], judged[choice]
    return front
