"""Settings as users give them: by section, later ones over earlier ones, as files or as ``key=value``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from scansearch.documents import parse_toml
from scansearch.errors import ScansearchError
from scansearch.option_listing import Sections, unknown_option
from scansearch.registry import unknown_name

SECTIONS = ("machine", "data", "train", "augment", "model", "space", "strategy")
FLAGS = {
    "seed": "--seed",
    "preset": "--preset",
    "data.name": "--data",
    "data.root": "--data-root",
    "model.name": "--model",
    "space.name": "--space",
    "space.candidates": "--space",
    "strategy.name": "--strategy",
}
"""What a run folder's ``config.toml`` has, and is given by a flag of its own (in Python: an argument)."""


class Overrides:
    """Settings by section, later layers winning over earlier ones. Each is checked, one that does not win, too.

    Args:
        known: What can be set, in all sections that there are.
        check: ``check(section, values)`` raises a ScansearchError for a value that is not allowed.
        flags: What is given by a flag instead.
        listing: The command that lists all settings.
    """

    def __init__(
        self,
        known: Sections,
        check: Callable[[str, dict[str, Any]], None],
        flags: Mapping[str, str] = FLAGS,
        listing: str = "scansearch strategies NAME",
    ) -> None:
        self.known, self.check, self.flags, self.listing = known, check, flags, listing
        self.fields = {section: [option.name for option in options] for section, options in known.items()}
        self.values: dict[str, dict[str, Any]] = {section: {} for section in known}

    def update(self, layer: dict[str, Any], source: str = "") -> None:
        """Adds a layer of ``{section: {key: value}}``; ``source`` is its file, if it has one."""
        for section, values in layer.items():
            if section not in self.known:
                raise self._unknown_section(section, source)
            if not isinstance(values, dict):
                raise ScansearchError(
                    f"{source}: {section} must be a section, [{section}], but got {section} = {values!r}"
                )
            for key in values:
                self._require(section, key, f"{section} setting in {source}")
            self._add(section, values, f"{source}: " if source else "")

    def _add(self, section: str, values: dict[str, Any], where: str) -> None:
        try:
            self.check(section, values)
        except ScansearchError as error:
            raise ScansearchError(f"{where}{error}") from error
        self.values[section].update(values)

    def _unknown_section(self, name: str, source: str) -> ScansearchError:
        owners = [section for section in self.known if name in self.fields[section]]
        if name in self.flags:
            return self._has_flag(f"setting in {source}", name)
        if owners:
            return ScansearchError(
                f"{source}: {name} must stand in its section, [{owners[0]}]; write that line above it"
            )
        return unknown_name(f"section in {source}", name, list(self.known))

    def assign(self, assignment: str) -> None:
        """Adds one ``key=value`` or ``section.key=value`` of ``--set``."""
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise ScansearchError(f"--set takes key=value, but got {assignment!r}; for example --set lr=0.001")
        try:
            value = parse_value(text.strip())
        except ScansearchError as error:
            place = key.strip()
            more = re.sub(rf"^{_KEY}(?=[.:])", place, str(error))
            raise ScansearchError(f"--set {more if more != str(error) else f'{place}: {error}'}") from error
        self.set(key.strip(), value)

    def set(self, key: str, value: Any) -> None:
        """Adds one setting, by its name or ``section.name``."""
        section, name = self._find(key)
        self._add(section, {name: value}, "")

    def _find(self, key: str) -> tuple[str, str]:
        section, dot, name = key.partition(".")
        if dot and section in self.known:
            self._require(section, name, f"{section} setting")
            return section, name
        owners = [section for section in self.known if key in self.fields[section]]
        if len(owners) > 1:
            raise ScansearchError(f"setting {key!r} is ambiguous; write {' or '.join(f'{o}.{key}' for o in owners)}")
        if key in self.flags:
            raise self._has_flag("setting", key)
        if key in self.known:
            names = [f"{key}.{field}" for field in self.fields[key]]
            raise ScansearchError(
                f"{key} is a section of settings; set one in it, {' or '.join(names[:2])} for example"
            )
        if not owners:
            raise unknown_option("setting", key, self.known, listing=self.listing)
        return owners[0], key

    def _require(self, section: str, name: str, kind: str) -> None:
        if name not in self.fields[section] and f"{section}.{name}" in self.flags:
            raise self._has_flag(kind, f"{section}.{name}")
        if name not in self.fields[section]:
            raise unknown_option(kind, name, self.known, section, listing=self.listing)

    def _has_flag(self, kind: str, name: str) -> ScansearchError:
        return ScansearchError(f"unknown {kind} {name!r}; it is given by {self.flags[name]}")


_KEY = "value"  # in the place of a name that TOML may not take


def parse_value(text: str) -> Any:
    """A value of ``--set`` as TOML reads it (numbers, true, false, lists); anything else is a string."""
    try:
        return parse_toml(f"{_KEY} = {text}")[_KEY]
    except ValueError:
        return text
