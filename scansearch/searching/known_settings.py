"""Everything that can be set for a search: the settings of its strategy, training, augmentation, model and space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from scansearch.data.augment_settings import AugmentSettings
from scansearch.models import ModelSpec
from scansearch.options import Option, takes
from scansearch.runs.config import TrainSettings
from scansearch.space import SearchSpace
from scansearch.strategy.base import Strategy

SPACE = {"keep": "N | [LEAST, MOST]", "budget": "{limit = X, formula = NAME} | {limit = X, table = FILE}"}
"""What of a space can be set, and what each takes."""


def known_settings(kind: type[Strategy], model: ModelSpec, augment: AugmentSettings) -> dict[str, list[Option]]:
    """The options of every section, with the defaults that this strategy, model and data set give them."""
    return {
        "train": _options(TrainSettings, kind(kind.Settings()).train_defaults()),
        "strategy": _options(kind.Settings, {}),
        "model": model.options.listed(),
        "augment": _options(AugmentSettings, augment.model_dump()),
        "space": space_settings(),
    }


def space_settings() -> list[Option]:
    """What of a space can be set."""
    return [Option(name, None, form, SearchSpace.model_fields[name].description or "") for name, form in SPACE.items()]


def _options(model: type[BaseModel], defaults: Mapping[str, Any]) -> list[Option]:
    return [
        Option(
            name, defaults.get(name, field.default), takes(field.annotation, field.metadata), field.description or ""
        )
        for name, field in model.model_fields.items()
    ]
