"""A search's settings put together: strategy defaults, preset, files, flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scansearch.data.augment_settings import AugmentSettings
from scansearch.registry import DATASETS, MODELS, STRATEGIES, unknown_name
from scansearch.runs.config import RunConfig, TrainSettings, validated
from scansearch.searching.known_settings import known_settings
from scansearch.searching.overrides import Overrides


def make_config(
    *,
    space: Any,
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

    ``assignments`` are those of ``--set``; ``settings``, for Python, come last.

    Raises:
        ScansearchError: For every unknown name or setting and every value out of range.
    """
    kind, spec, dataset = STRATEGIES.get(strategy), MODELS.get(model), DATASETS.get(data)
    overrides = Overrides(known_settings(kind, spec, dataset.augment))
    overrides.update({"augment": dataset.augment.model_dump()}, f"dataset {data}")
    if preset is not None:
        if preset not in kind.presets:
            raise unknown_name(f"preset of strategy {strategy}", preset, sorted(kind.presets))
        overrides.update(kind.presets[preset], f"preset {preset}")
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
    spec.configure(**values["model"])
    train = {**kind(chosen).train_defaults(), **values["train"]}
    everything = {
        "strategy": strategy,
        "model": model,
        "data": data,
        "data_root": _found_from_everywhere(data_root),
        "seed": seed,
        "space": space.to_dict(),
        "train": validated(TrainSettings, train, "train"),
        "augment": validated(AugmentSettings, values["augment"], "augment"),
        "strategy_settings": chosen.model_dump(mode="json", exclude_none=True),
        "model_settings": values["model"],
    }
    config: RunConfig = validated(RunConfig, everything, "run")
    return config


def _found_from_everywhere(root: str) -> str:
    """A folder by its absolute path, so that a resume from another folder finds it."""
    return str(Path(root).absolute()) if root and "://" not in root else root
