"""Files of ``--config``: some settings by section, or the ``config.toml`` of a run, which is repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scansearch.documents import read_toml
from scansearch.errors import ScansearchError
from scansearch.runs.config import RunConfig, parse_config
from scansearch.searching.known_settings import NAMES
from scansearch.space import SearchSpace

Sections = dict[str, dict[str, Any]]
OF_ITS_OWN = {"model": ("model",), "strategy": ("strategy",), "data": ("data", "augment")}
"""Sections that count for the model, the strategy and the data set that a run had, and for no other."""


class Chosen(NamedTuple):
    """What files and flags choose together, as ``make_config`` takes it.

    Args:
        names: ``space``, ``strategy``, ``model``, ``data``, ``data_root`` and ``seed``.
        layers: Settings by section, each with its file, later ones winning.
    """

    names: dict[str, Any]
    layers: list[tuple[str, Sections]]


def read_config_files(paths: Sequence[Path], defaults: Mapping[str, Any], flags: Mapping[str, Any]) -> Chosen:
    """Reads files of settings. A run's own ``config.toml`` also says what flags say, where none is given.

    Args:
        paths: The files, later ones winning.
        defaults: ``space``, ``strategy``, ``model``, ``data``, ``data_root`` and ``seed`` if nobody chooses them.
        flags: Those that were given; they win over the files.

    Raises:
        ScansearchError: If a file cannot be read, or is a run of another version or kind.
    """
    files = [(str(path), read_toml(path), path) for path in paths]
    runs = {source: _searched(values, path) for source, values, path in files if "format" in values}
    names = dict(defaults)
    for config in runs.values():
        names |= _names(config)
    if flags.get("data", names["data"]) != names["data"]:
        names["data_root"] = defaults["data_root"]
    names |= flags
    layers = [(source, _sections(runs[source], names) if source in runs else values) for source, values, _ in files]
    return Chosen(names, layers)


def _searched(values: dict[str, Any], path: Path) -> RunConfig:
    config = parse_config(values, path)
    if config.kind != "search":
        raise ScansearchError(f"{path} is of a run of kind {config.kind}, but only a search is repeated by --config")
    return config


def _names(config: RunConfig) -> dict[str, Any]:
    return {
        "space": SearchSpace.from_dict(config.space),
        "strategy": config.strategy.name,
        "model": config.model.name,
        "data": config.data.name,
        "data_root": config.data.root,
        "seed": config.seed,
    }


def _sections(config: RunConfig, names: Mapping[str, Any]) -> Sections:
    """The settings of a run without what has a flag, and without sections of what is not chosen any more."""
    then = _names(config)
    other = {section for name, sections in OF_ITS_OWN.items() if names[name] != then[name] for section in sections}
    data = config.model_dump(mode="json", exclude_none=True, include={"machine", "data", "train", "augment"})
    data |= {"model": config.model.settings, "strategy": config.strategy.settings}
    return {
        section: {key: value for key, value in values.items() if section != "data" or key not in NAMES}
        for section, values in data.items()
        if section not in other
    }
