"""A training's settings put together: what the genotype says, the recipe, flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from scansearch.data.augment_settings import AugmentSettings
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.models import ModelSpec
from scansearch.option_listing import Option, options_of
from scansearch.registry import DATASETS, MODELS
from scansearch.retraining.recipe import USUAL, find_recipe
from scansearch.runs.config import GenotypePart, Inherited, Part, RunConfig, check_each, validated
from scansearch.runs.run import Run
from scansearch.runs.settings import DataSettings, MachineSettings, TrainSettings
from scansearch.searching.configure import fitting, from_everywhere, model_of
from scansearch.searching.known_settings import NAMES
from scansearch.searching.learning_rate import with_lr
from scansearch.searching.overrides import Overrides

SECTIONS: dict[str, type[BaseModel]] = {
    "machine": MachineSettings,
    "data": DataSettings,
    "train": TrainSettings,
    "augment": AugmentSettings,
}
FLAGS = {
    "seed": "--seed",
    "genotype": "--genotype",
    "inherit": "--inherit",
    "data.name": "--data",
    "data.root": "--data-root",
    "model.name": "--model",
}
LISTING = "scansearch train --genotype GENOTYPE --dry-run"
USUAL_DATA = "digits"


@dataclass(frozen=True)
class Subject:
    """What is trained on what, as far as somebody says so.

    Args:
        genotype: What the network computes.
        source: What the genotype was called: a run folder, a file or a published name.
        model: A registered model; ``None`` is the genotype's own.
        data: A registered dataset; ``None`` is the one that was searched on.
        data_root: Its folder; ``None`` is that of the search.
    """

    genotype: Genotype
    source: str
    model: str | None = None
    data: str | None = None
    data_root: str | None = None

    @property
    def model_name(self) -> str:
        """The model that is trained.

        Raises:
            ScansearchError: If neither the genotype nor anybody else names one.
        """
        if (name := self.model or self.genotype.model) is None:
            raise ScansearchError(
                f"{self.source} names no model; choose the one that it is for by --model (`scansearch models` lists all)"
            )
        return name

    @property
    def searched_options(self) -> dict[str, Any]:
        """The options of the model in the search, if it is the same model."""
        return dict(self.genotype.options or {}) if self.model_name == self.genotype.model else {}

    @property
    def data_defaults(self) -> dict[str, Any]:
        """Data set, folder and size of the search, as far as they are known and nobody names another data set.

        Raises:
            ScansearchError: If it was another than those that there are, and nobody names one.
        """
        found: dict[str, Any] = {"name": self.data or self._searched_data or USUAL_DATA, "root": ""}
        path = Path(self.source)
        if (path / "config.toml").is_file():
            then = Run.open(path).config.data
            if then.name == found["name"]:
                found |= then.model_dump(include={"root", "skip_damaged", "refuse_duplicates", "evaluation_crop"})
        if self.data_root is not None:
            found["root"] = self.data_root
        shape = self.genotype.shape
        return {**found, "image_size": shape.height if shape and shape.height == shape.width else 0}

    @property
    def _searched_data(self) -> str | None:
        told = self.genotype.search.get("data")
        name = told.get("name") if isinstance(told, Mapping) else None
        if isinstance(name, str) and name not in DATASETS:
            raise ScansearchError(
                f"{self.source} was searched on {name}, which is no data set here; choose one by --data"
            )
        return name if isinstance(name, str) else None


def make_train_config(
    subject: Subject,
    *,
    recipe: str = USUAL,
    seed: int = 0,
    inherit: Inherited | None = None,
    flags: Mapping[str, dict[str, Any]] | None = None,
    assignments: list[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Puts a training together: genotype < data set < recipe ``laptop`` < ``recipe`` < ``flags`` < ``assignments`` < ``settings``.

    Args:
        subject: What is trained on what.
        recipe: The name of a recipe, or a file.
        seed: Seed of everything random.
        inherit: The weights that it begins with; ``None`` draws them.
        flags: Settings by section.
        assignments: Those of ``--set``.
        settings: By name, for Python.

    Raises:
        ScansearchError: For every unknown name or setting and every value out of range.
    """
    spec, defaults = MODELS.get(subject.model_name), subject.data_defaults
    dataset = DATASETS.get(defaults["name"])
    overrides = Overrides(_known(spec, dataset.augment), partial(_check, spec), FLAGS, LISTING)
    overrides.update({"augment": dataset.augment.model_dump()}, f"dataset {dataset.name}")
    overrides.update({"model": subject.searched_options}, subject.source)
    for name in dict.fromkeys((USUAL, recipe)):
        overrides.update(fitting(find_recipe(name).settings, spec), f"recipe {name}")
    for section, values in (flags or {}).items():
        overrides.update({section: values})
    for assignment in assignments or []:
        overrides.assign(assignment)
    for key, value in (settings or {}).items():
        overrides.set(key, value)
    values = overrides.values
    values["train"] = with_lr(values["train"], spec.configure(**values["model"]))
    data = {
        "evaluation_crop": dataset.evaluation_crop,
        **defaults,
        **values["data"],
        "root": from_everywhere(defaults["root"]),
    }
    everything = {
        "kind": "train",
        "seed": seed,
        "preset": recipe,
        "data": validated(DataSettings, data, "data"),
        **{name: validated(SECTIONS[name], values[name], name) for name in ("machine", "train", "augment")},
        "model": Part(name=spec.name, **values["model"]),
        "genotype": GenotypePart(source=from_there(subject.source), directions=subject.genotype.directions),
        "inherit": inherit,
    }
    config: RunConfig = validated(RunConfig, everything, "run")
    model_of(config)
    return config


def from_there(source: str) -> str:
    """A path as it is found from everywhere; a name stays as it is."""
    return from_everywhere(source) if Path(source).exists() else source


def _known(spec: ModelSpec, augment: AugmentSettings) -> dict[str, list[Option]]:
    given = {"augment": augment.model_dump(), "train": with_lr({}, spec)}
    known = {section: options_of(model, given.get(section, {})) for section, model in SECTIONS.items()}
    known["data"] = [option for option in known["data"] if option.name not in NAMES]
    known["model"] = [option for option in spec.options.listed() if option.name not in MachineSettings.model_fields]
    return known


def _check(spec: ModelSpec, section: str, values: dict[str, Any]) -> None:
    if section == "model":
        spec.configure(**values)
    else:
        check_each(SECTIONS[section], values, section)
