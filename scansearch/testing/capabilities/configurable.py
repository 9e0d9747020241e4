"""Configurable: it says what it is and what can be set."""

from __future__ import annotations

import tomli_w
from pydantic import BaseModel, ValidationError

from scansearch.documents import parse_toml
from scansearch.runs.config import validated
from scansearch.searching.configure import make_config
from scansearch.strategy import Preset, StrategySettings
from scansearch.testing.capabilities.capability import Capability
from scansearch.testing.capabilities.searches import PLAIN
from scansearch.testing.requirement import happening, one_line, require
from scansearch.testing.strategy_runs import NAME, registered


class Configurable(Capability):
    """Its settings have a description and a default each and survive config.toml, and unknown ones are refused."""

    def test_other_processes_can_import_it(self) -> None:
        """Or it cannot be killed and resumed."""
        self.skip_if_quick()
        with happening("Configurable"):
            assert self.searches.path

    def test_it_is_described(self) -> None:
        """In the listings."""
        about, when = self.strategy.description, self.strategy.when
        with happening("Configurable"):
            require(one_line(about), f"the description must be one line, but it is {about!r}")
            require(when == "" or one_line(when), f"when must be one line, but it is {when!r}")

    def test_settings_are_described_and_have_defaults(self) -> None:
        """A strategy must work without settings."""
        kind = self.strategy.Settings
        with happening("Configurable"):
            require(issubclass(kind, StrategySettings), f"Settings must be a StrategySettings, but it is {kind!r}")
            for name, field in kind.model_fields.items():
                described, optional = one_line(field.description), not field.is_required()
                require(described, f"setting {name!r} needs a description of one line: listings show it")
                require(optional, f"setting {name!r} needs a default: a strategy must work without settings")

    def test_unknown_settings_are_refused(self) -> None:
        """A misspelt setting would go unnoticed."""
        try:
            self.strategy.Settings.model_validate({"no such setting": 1})
        except ValidationError:
            return
        raise AssertionError(
            "Configurable: Settings must refuse unknown names (extra='forbid'): a misspelt setting goes unnoticed"
        )

    def test_settings_survive_a_file(self) -> None:
        """A resumed run reads them from config.toml."""
        for values in ({}, dict(self.settings)):
            with happening("Configurable: settings"):
                _check_round_trip(validated(self.strategy.Settings, values, "strategy"))

    def test_presets_are_valid(self) -> None:
        """Every setting of each; and what they say besides are lines."""
        for preset, recipe in self.strategy.presets.items():
            with registered(self.strategy), happening(f"Configurable: preset {preset!r}"):
                require(isinstance(recipe, Preset), f"preset {preset!r} must be a Preset, but it is {recipe!r}")
                lines = [recipe.source, *recipe.not_here] if recipe.source else recipe.not_here
                require(
                    all(map(one_line, lines)),
                    f"source and not_here of preset {preset!r} must be lines, but are {lines!r}",
                )
                make_config(space=PLAIN, strategy=NAME, model="local_vim_nano", data=NAME, preset=preset)

    def test_settings_and_traits_stay(self) -> None:
        """At the end they are what they were at the beginning."""
        self.searches.require("Configurable")


def _check_round_trip(settings: BaseModel) -> None:
    text = tomli_w.dumps(settings.model_dump(mode="json", exclude_none=True))
    again = type(settings)(**parse_toml(text))
    require(again == settings, f"a resumed run would read {again!r} from config.toml, but it began with {settings!r}")
