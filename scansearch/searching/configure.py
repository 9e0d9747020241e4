"""A search's settings put together: strategy defaults, preset, files, flags."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from scansearch.data.augment_settings import AugmentSettings
from scansearch.errors import ScansearchError
from scansearch.models import ModelSpec
from scansearch.registry import DATASETS, MODELS, STRATEGIES, unknown_name
from scansearch.runs.config import Part, RunConfig, check_each, validated
from scansearch.runs.settings import DataSettings, MachineSettings, TrainSettings
from scansearch.searching.known_settings import known_settings
from scansearch.searching.learning_rate import with_lr
from scansearch.searching.overrides import Overrides
from scansearch.space import SearchSpace
from scansearch.strategy.strategy import Strategy

MACHINE_OPTIONS = ("scan_backend", "mixture")
"""Options of a model that say how fast it runs, not what it computes; the section ``machine`` has them."""


def make_config(
    *,
    space: SearchSpace,
    strategy: str,
    model: str,
    data: str,
    data_root: str = "",
    seed: int = 0,
    preset: str | None = None,
    layers: list[tuple[str, dict[str, Any]]] | None = None,
    assignments: list[str] | None = None,
    settings: dict[str, Any] | None = None,
) -> RunConfig:
    """Puts a run together: strategy defaults < preset < ``layers`` (files, flags) < ``assignments``.

    ``assignments`` are those of ``--set``; ``settings``, for Python, come last. What a layer says is checked even where a later
    one says something else; rules between settings hold for those that win.

    Raises:
        ScansearchError: For every unknown name or setting and every value out of range.
    """
    kind, spec, dataset = STRATEGIES.get(strategy), MODELS.get(model), DATASETS.get(data)
    overrides = Overrides(known_settings(kind, spec, dataset.augment), partial(_check, kind, spec, space))
    usual = {"augment": dataset.augment.model_dump(), "data": {"evaluation_crop": dataset.evaluation_crop}}
    overrides.update(usual, f"dataset {data}")
    if preset is not None:
        if preset not in kind.presets:
            raise unknown_name(f"preset of strategy {strategy}", preset, sorted(kind.presets))
        overrides.update(fitting(kind.presets[preset].settings, spec), f"preset {preset}")
    for source, layer in layers or []:
        overrides.update(layer, source)
    for assignment in assignments or []:
        overrides.assign(assignment)
    for key, value in (settings or {}).items():
        overrides.set(key, value)
    values = overrides.values
    chosen = validated(kind.Settings, values["strategy"], "strategy")
    if values["space"]:
        space = space.from_dict({**space.to_dict(), **values["space"]}, "space setting")
    train = with_lr({**kind(chosen).train_defaults(), **values["train"]}, spec.configure(**values["model"]))
    everything = {
        "seed": seed,
        "preset": preset,
        "machine": validated(MachineSettings, values["machine"], "machine"),
        "data": validated(DataSettings, {**values["data"], "name": data, "root": from_everywhere(data_root)}, "data"),
        "train": validated(TrainSettings, train, "train"),
        "augment": validated(AugmentSettings, values["augment"], "augment"),
        "model": _part("model", model, values["model"]),
        "space": space.to_dict(),
        "strategy": _part("strategy", strategy, chosen.model_dump(mode="json", exclude_none=True)),
    }
    config: RunConfig = validated(RunConfig, everything, "run")
    model_of(config)
    return config


def fitting(preset: dict[str, dict[str, Any]], spec: ModelSpec) -> dict[str, dict[str, Any]]:
    """A preset's settings without options of other families: its section ``model`` is of the family that was published.

    What is an option of no family stays, to be refused.
    """
    options = preset.get("model", {})
    if not isinstance(options, dict):
        return preset
    return {**preset, "model": {name: value for name, value in options.items() if not _of_another(name, spec)}}


def _of_another(option: str, spec: ModelSpec) -> bool:
    """Whether models that are registered here have an option, but not this one."""
    if option in spec.Options.model_fields:
        return False
    return any(option in MODELS.get(name).Options.model_fields for name in MODELS.names())


def _check(kind: type[Strategy], spec: ModelSpec, space: SearchSpace, section: str, values: dict[str, Any]) -> None:
    """Checks values of a section, each for itself."""
    models: dict[str, type[BaseModel]] = {
        "machine": MachineSettings,
        "data": DataSettings,
        "train": TrainSettings,
        "augment": AugmentSettings,
        "strategy": kind.Settings,
    }
    if section in models:
        check_each(models[section], values, section)
    else:
        check_target(spec, space, section, values)


def check_target(spec: ModelSpec, space: SearchSpace, section: str, values: dict[str, Any]) -> None:
    """Checks values of the section ``model`` or ``space``.

    Raises:
        ScansearchError: If one is not allowed.
    """
    if section == "model":
        spec.configure(**values)
    else:
        space.from_dict({**space.to_dict(), **values}, "space setting")


def model_of(config: RunConfig) -> ModelSpec:
    """The model of a run with its options, those of the machine among them.

    Raises:
        ScansearchError: If an option is unknown or its value is not allowed.
    """
    spec: ModelSpec = MODELS.get(config.model.name)
    machine = config.machine.model_dump(include=set(MACHINE_OPTIONS))
    known = spec.Options.model_fields
    for name, value in machine.items():
        if name not in known and value != MachineSettings.model_fields[name].default:
            raise ScansearchError(f"model {config.model.name} has no {name}, so it cannot be {value!r}; leave it out")
    return spec.configure(**config.model.settings, **{name: machine[name] for name in machine if name in known})


def _part(section: str, name: str, settings: dict[str, Any]) -> Part:
    if "name" in settings:
        raise ScansearchError(
            f"the {section} {name} has a setting called name, as its section in config.toml calls itself; rename it"
        )
    return Part(name=name, **settings)


def from_everywhere(root: str) -> str:
    """A folder by its absolute path, so that a resume from another folder finds it."""
    return str(Path(root).absolute()) if root and "://" not in root else root
