"""Everything that can be set for a search, section by section."""

from __future__ import annotations

from scansearch.data.augment_settings import AugmentSettings
from scansearch.models import ModelSpec
from scansearch.option_listing import Option, options_of
from scansearch.runs.settings import DataSettings, MachineSettings, TrainSettings
from scansearch.searching.learning_rate import with_lr
from scansearch.space import SearchSpace
from scansearch.strategy.strategy import Strategy

SPACE = {"keep": "N | [LEAST, MOST]", "budget": "{limit = X, formula = NAME} | {limit = X, table = FILE}"}
"""What of a space can be set, and what each takes."""
NAMES = ("name", "root")
"""What of a section has a flag of its own."""


def known_settings(kind: type[Strategy], model: ModelSpec, augment: AugmentSettings) -> dict[str, list[Option]]:
    """The options of every section, with the defaults that this strategy, model and data set give them."""
    return {
        "machine": options_of(MachineSettings, {}),
        "data": [option for option in options_of(DataSettings, {}) if option.name not in NAMES],
        "train": options_of(TrainSettings, with_lr(kind(kind.Settings()).train_defaults(), model)),
        "augment": options_of(AugmentSettings, augment.model_dump()),
        "model": [option for option in model.options.listed() if option.name not in MachineSettings.model_fields],
        "space": space_settings(),
        "strategy": options_of(kind.Settings, {}),
    }


def space_settings() -> list[Option]:
    """What of a space can be set."""
    return [Option(name, None, form, SearchSpace.model_fields[name].description or "") for name, form in SPACE.items()]
