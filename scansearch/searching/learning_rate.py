"""The learning rate of a run for which nobody says one."""

from __future__ import annotations

from typing import Any

from scansearch.models import ModelSpec
from scansearch.runs.settings import TrainSettings

ADAMW = TrainSettings().optimizer


def with_lr(train: dict[str, Any], spec: ModelSpec) -> dict[str, Any]:
    """Settings of the training with the rate that suits the model, where nobody says another and the optimiser is AdamW."""
    if spec.lr is None or "lr" in train or train.get("optimizer", ADAMW) != ADAMW:
        return train
    return {**train, "lr": max(spec.lr, train.get("min_lr", 0.0))}
