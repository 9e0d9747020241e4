"""Everything that can be set for a search, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from scansearch.data.augment_settings import AugmentSettings
from scansearch.models import ModelSpec
from scansearch.option_listing import Option, takes
from scansearch.runs.settings import DataSettings, MachineSettings, TrainSettings
from scansearch.space import SearchSpace
from scansearch.strategy.strategy import Strategy

SPACE = {"keep": "N | [LEAST, MOST]", "budget": "{limit = X, formula = NAME} | {limit = X, table = FILE}"}
"""What of a space can be set, and what each takes."""
NAMES = ("name", "root")
"""What of a section has a flag of its own."""


def known_settings(kind: type[Strategy], model: ModelSpec, augment: AugmentSettings) -> dict[str, list[Option]]:
    """The options of every section, with the defaults that this strategy, model and data set give them."""
    return {
        "machine": _options(MachineSettings),
        "data": [option for option in _options(DataSettings) if option.name not in NAMES],
        "train": _options(TrainSettings, kind(kind.Settings()).train_defaults()),
        "augment": _options(AugmentSettings, augment.model_dump()),
        "model": [option for option in model.options.listed() if option.name not in MachineSettings.model_fields],
        "space": space_settings(),
        "strategy": _options(kind.Settings),
    }


def space_settings() -> list[Option]:
    """What of a space can be set."""
    return [Option(name, None, form, SearchSpace.model_fields[name].description or "") for name, form in SPACE.items()]


def _options(model: type[BaseModel], defaults: Mapping[str, Any] | None = None) -> list[Option]:
    own = defaults or {}
    return [
        Option(name, own.get(name, field.default), takes(field.annotation, field.metadata), field.description or "")
        for name, field in model.model_fields.items()
    ]
