"""The tables that a run writes, by its kind: a NamedTuple for the rows of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from scansearch.runs.table import Table


class MetricsRow(NamedTuple):
    """An epoch of a search; what the supernet is worth is measured on the validation images, by ``ImageShape.measure``."""

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    worth: float
    measure: str
    lr: float
    alpha_lr: float
    entropy: float
    margin: float
    genotype_changes: int


class LayerRow(NamedTuple):
    """A layer, in an epoch."""

    epoch: int
    layer: int
    entropy: float
    margin: float
    changes: int


class ScoreRow(NamedTuple):
    """A direction of a layer, in an epoch."""

    epoch: int
    layer: int
    direction: str
    score: float
    kept: bool


class DiagnosticsRow(NamedTuple):
    """A figure of the strategy's own, in an epoch."""

    epoch: int
    name: str
    value: float


class GenotypeRow(NamedTuple):
    """A genotype that was judged, and what it is worth on the validation images, by ``ImageShape.measure``."""

    number: int
    worth: float
    measure: str
    cost: float
    unit: str
    front: bool
    directions: str


class EpochRow(NamedTuple):
    """An epoch of a training; what the network is worth is measured on the validation images, by ``ImageShape.measure``."""

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    worth: float
    measure: str
    lr: float


class TimingRow(NamedTuple):
    """How long an epoch took."""

    epoch: int
    seconds: float
    images_per_second: float


METRICS = Table("metrics.csv", MetricsRow)
EPOCHS = Table("epochs.csv", EpochRow)
LAYERS = Table("layers.csv", LayerRow)
SCORES = Table("scores.csv", ScoreRow)
DIAGNOSTICS = Table("diagnostics.csv", DiagnosticsRow)
GENOTYPES = Table("genotypes.csv", GenotypeRow)
TIMING = Table("timing.csv", TimingRow, repeatable=False)
TABLES: Mapping[str, tuple[Table[Any], ...]] = {
    "search": (METRICS, LAYERS, SCORES, DIAGNOSTICS, GENOTYPES, TIMING),
    "train": (EPOCHS, TIMING),
    "compare": (),
}
"""By kind of run. A run of another kind gets its tables here."""
