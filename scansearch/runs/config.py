"""Everything a run is told, section by section, as ``config.toml`` has it."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Any, Literal, get_args

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scansearch.data.augment_settings import AugmentSettings
from scansearch.documents import first_problem, read_toml
from scansearch.errors import RunFolderError, ScansearchError
from scansearch.registry import unknown_name
from scansearch.runs.settings import DataSettings, MachineSettings, TrainSettings
from scansearch.space import MOST_LAYERS, Directions

RUN_FORMAT: Literal["scansearch/run/2"] = "scansearch/run/2"
MACHINE = "machine"
"""The section that says where and how fast a run goes, not what it computes."""
PLACES = {"data.root", "strategy.storage", "genotype.source", "inherit.source"}
"""Settings that say where something is kept that is checked by itself: images by their fingerprint, a study by its setup, ..."""
SUBJECT = ("data", "train", "augment", "model")
Kind = Literal["search", "train", "compare"]


class Part(BaseModel):
    """A registered part by its name; its own settings stand beside it in its section."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @property
    def settings(self) -> dict[str, Any]:
        """Its own settings, without the name."""
        return dict(self.model_extra or {})


class GenotypePart(BaseModel):
    """The genotype of a training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="What it was called: a folder, a file or a published name.")
    directions: tuple[Directions, ...] = Field(
        min_length=1, max_length=MOST_LAYERS, description="The directions of each layer."
    )


class Inherited(BaseModel):
    """The weights that a training begins with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="A run folder or a file.")
    digest: str = Field(description="Checksum of the file that they are in.")


class RunConfig(BaseModel):
    """A whole run. Written to ``config.toml`` of the run folder, and all that a resume needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["scansearch/run/2"] = RUN_FORMAT
    kind: Kind = Field("search", description="What the run does.")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of everything random.")
    preset: str | None = Field(
        None,
        description="Of a search: the strategy's preset, of a training: its recipe; their settings stand in the sections.",
    )
    machine: MachineSettings = Field(default_factory=MachineSettings)
    data: DataSettings = Field(default_factory=DataSettings)
    train: TrainSettings = Field(default_factory=TrainSettings)
    augment: AugmentSettings = Field(default_factory=AugmentSettings)
    model: Part = Field(description="The model, and the options that are not its own.")
    space: dict[str, Any] = Field(default_factory=dict, description="Of a search: the search space itself.")
    strategy: Part = Field(Part(name=""), description="Of a search: the strategy, with all its settings.")
    genotype: GenotypePart | None = Field(None, description="Of a training: what its network computes.")
    inherit: Inherited | None = Field(
        None, description="Of a training: what it begins with, if not with fresh weights."
    )

    @model_validator(mode="after")
    def _sections_of_the_kind(self) -> RunConfig:
        if self.kind == "search" and not (self.space and self.strategy.name):
            raise ValueError("a run of kind search has the sections space and strategy")
        if self.kind == "train" and self.genotype is None:
            raise ValueError("a run of kind train has the section genotype")
        if self.kind != "train" and (told := self.train.of_trainings()):
            name, value = told[0]
            raise ValueError(
                f"{name} is of a training (`scansearch train`), but this is a {self.kind} with {name}={value}; leave it out"
            )
        return self

    def alone(self) -> RunConfig:
        """The same without what it shares with other runs: a study in a storage, to look at which is to write to it."""
        kept = {key: value for key, value in self.strategy.settings.items() if f"strategy.{key}" not in PLACES}
        return self.model_copy(update={"strategy": Part(name=self.strategy.name, **kept)})

    def recipe(self) -> dict[str, Any]:
        """Everything that the numbers of a run depend on, as ``section.key``: all but ``MACHINE``, ``PLACES`` and a preset's name."""
        found: dict[str, Any] = {}
        for name, value in self.model_dump(mode="json", exclude_none=True, exclude={MACHINE, "preset"}).items():
            found |= {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
        return {name: value for name, value in found.items() if name not in PLACES}

    def subject(self) -> dict[str, Any]:
        """The part of the recipe that says what is trained and how: accuracies of equal subjects are comparable."""
        return {name: value for name, value in self.recipe().items() if name.partition(".")[0] in SUBJECT}

    def to_toml(self) -> str:
        """The text of ``config.toml``."""
        told = self.model_dump(
            mode="json", exclude_none=True, exclude=None if self.kind == "search" else {"space", "strategy"}
        )
        text: str = tomli_w.dumps(told)
        return text


def read_config(folder: Path) -> RunConfig:
    """Reads ``config.toml`` of a run folder.

    Raises:
        RunFolderError: If there is no run in ``folder``, or it is of another version.
        ScansearchError: If the file is damaged, in one line.
    """
    path = folder / "config.toml"
    if folder.is_file():
        raise RunFolderError(f"{folder} is a file; a run is a folder, perhaps {folder.parent}")
    if not path.exists():
        raise RunFolderError(
            f"{folder} holds no run (it has no config.toml); start one with `scansearch run --out {quote(str(folder))}`"
        )
    return parse_config(read_toml(path), path)


def parse_config(values: dict[str, Any], path: Path) -> RunConfig:
    """The settings that ``config.toml`` of a run folder holds; errors as ``read_config``."""
    if (found := values.get("format")) != RUN_FORMAT:
        raise RunFolderError(
            f"{path.parent} is a run of format {found!r}, but this version reads {RUN_FORMAT!r}; start it anew"
        )
    try:
        config: RunConfig = validated(RunConfig, values, "run")
    except ScansearchError as error:
        raise ScansearchError(f"{path}: {error}") from error
    return config


def validated(model: type[BaseModel], values: dict[str, Any], section: str) -> Any:
    """``model(**values)``, with one line that names the setting, its rule and its value if that fails."""
    unknown = [key for key in values if key not in model.model_fields]
    if unknown:
        raise unknown_name(f"{section} setting", unknown[0], sorted(model.model_fields))
    _refuse_booleans(model, values, f"{section} setting ")
    try:
        return model(**values)
    except ValidationError as error:
        raise ScansearchError(f"{section} setting {first_problem(error)}") from error


def check_each(model: type[BaseModel], values: dict[str, Any], section: str) -> None:
    """Checks values as ``validated`` does, each for itself: rules between them hold for those that win in the end."""
    _refuse_booleans(model, values, f"{section} setting ")
    try:
        model(**values)
    except ValidationError as error:
        if error.errors(include_url=False)[0]["loc"]:
            raise ScansearchError(f"{section} setting {first_problem(error)}") from error


def _refuse_booleans(model: type[BaseModel], values: dict[str, Any], where: str) -> None:
    """Refuses true and false where a number belongs, as which they would count; in sections, too."""
    for key, value in values.items():
        hint = model.model_fields[key].annotation if key in model.model_fields else None
        if isinstance(value, bool) and {int, float} & {hint, *get_args(hint)}:
            raise ScansearchError(f"{where}{key}: input should be a number, got {str(value).lower()}")
        if isinstance(value, dict) and isinstance(hint, type) and issubclass(hint, BaseModel):
            _refuse_booleans(hint, value, f"{where}{key}.")
