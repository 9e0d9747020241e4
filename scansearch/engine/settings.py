"""Everything a run is told: names of its parts and their settings, validated, from defaults, presets, file and flags."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from scansearch.data.augment_settings import AugmentSettings
from scansearch.documents import first_problem, parse_toml
from scansearch.engine.limits import MOST_EPOCHS, MOST_IMAGES, MOST_SIDE, MOST_STEPS
from scansearch.errors import ScansearchError
from scansearch.options import Sections, unknown_option
from scansearch.registry import DATASETS, MODELS, STRATEGIES, unknown_name

RUN_FORMAT: Literal["scansearch/run/1"] = "scansearch/run/1"
MACHINE = {"accelerator", "threads", "checkpoint_steps", "scan_backend", "mixture"}
"""Settings that say where and how fast a run goes, not what it computes."""
PLACES = {"data_root", "storage"}
"""Settings that say where something is kept that is checked by itself: images by their fingerprint, a study by its setup."""
THREADS_A_CPU = 4
SECTIONS = ("train", "strategy", "model", "augment", "space")


class TrainSettings(BaseModel):
    """How the supernet's weights are trained. The defaults suit short runs of small models on a CPU."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int = Field(12, ge=1, le=MOST_EPOCHS, description="Passes over the training data.")
    batch_size: int = Field(64, ge=1, le=65_536, description="Images in a step, over all processes.")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="Optimiser of the weights.")
    lr: float = Field(3e-3, gt=0, le=100, description="Peak learning rate of the weights.")
    min_lr: float = Field(1e-6, ge=0, le=100, description="Learning rate at the end of the cosine schedule.")
    warmup_epochs: float = Field(1.0, ge=0, le=MOST_EPOCHS, description="Epochs of linear warm-up.")
    weight_decay: float = Field(
        0.04, ge=0, le=100, description="Weight decay; biases, norms and other 1-D parameters have none."
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of SGD.")
    clip_norm: float = Field(1.0, ge=0, le=1e6, description="Largest norm of the weights' gradient; 0 does not clip.")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="Label smoothing.")
    precision: Literal["auto", "32", "bf16"] = Field(
        "auto", description="Number format: auto is 32 on a CPU and bf16 mixed precision on a GPU."
    )
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to run.")
    threads: int = Field(0, ge=0, description=f"CPU threads, at most {THREADS_A_CPU} a CPU; 0 leaves PyTorch's choice.")
    checkpoint_steps: int = Field(
        50, ge=1, le=MOST_STEPS, description="Steps between checkpoints; one more at the end of each epoch."
    )
    limit: int = Field(0, ge=0, le=MOST_IMAGES, description="Use at most this many training images; 0 uses all.")
    validation_limit: int = Field(
        0, ge=0, le=MOST_IMAGES, description="Use at most this many validation images; 0 uses all."
    )
    image_size: int = Field(0, ge=0, le=MOST_SIDE, description="Resize the images to this size; 0 leaves them.")
    skip_damaged: bool = Field(False, description="Leave image files out that cannot be decoded, rather than stop.")
    refuse_duplicates: bool = Field(
        False, description="Stop if training, validation and test share an image, rather than warn."
    )

    @field_validator("precision", mode="before")
    @classmethod
    def _number_as_name(cls, value: Any) -> Any:
        return str(value) if value in (16, 32) else value  # --set precision=32 is a number to TOML

    @field_validator("threads")
    @classmethod
    def _fit_the_machine(cls, value: int) -> int:
        if value > most_threads():
            raise ValueError(f"at most {most_threads()} threads run on this machine, {THREADS_A_CPU} a CPU")
        return value

    @model_validator(mode="after")
    def _rates_in_order(self) -> TrainSettings:
        if self.min_lr > self.lr:
            raise ValueError(f"min_lr <= lr must hold, but got {self.min_lr} and {self.lr}")
        return self

    def notes(self) -> list[str]:
        """What the user should know about these settings, a line each."""
        if self.warmup_epochs < self.epochs:
            return []
        return [
            f"warmup_epochs={self.warmup_epochs:g} is not shorter than the {self.epochs} epochs: the weights' learning rate never "
            "reaches lr"
        ]


def most_threads() -> int:
    """How many threads are allowed here: with more, they only wait for each other, and some systems fail."""
    return THREADS_A_CPU * (os.cpu_count() or 1)


class RunConfig(BaseModel):
    """A whole run. Written to ``config.toml`` of the run folder, and all that a resume needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["scansearch/run/1"] = RUN_FORMAT
    strategy: str = Field("darts", description="Search strategy.")
    model: str = Field("local_vim_micro", description="Model to search.")
    data: str = Field("digits", description="Dataset.")
    data_root: str = Field("", description="Folder of the dataset; empty if it needs none.")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of everything random.")
    space: dict[str, Any] = Field(description="The search space itself.")
    train: TrainSettings = Field(default_factory=TrainSettings)
    augment: AugmentSettings = Field(default_factory=AugmentSettings)
    strategy_settings: dict[str, Any] = Field(default_factory=dict)
    model_settings: dict[str, Any] = Field(default_factory=dict)

    def recipe(self) -> dict[str, Any]:
        """Everything that the numbers of a run depend on, by its name in config.toml: all but ``MACHINE`` and ``PLACES``."""
        found: dict[str, Any] = {}
        for name, value in self.model_dump(mode="json", exclude_none=True).items():
            found |= {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
        return {name: v for name, v in found.items() if name.rpartition(".")[2] not in MACHINE | PLACES}

    def subject(self) -> dict[str, Any]:
        """What is trained and how, without what only says where and how fast: accuracies of equal subjects are comparable."""
        sections = {
            "train": self.train.model_dump(mode="json"),
            "augment": self.augment.model_dump(mode="json"),
            "model": self.model_settings,
        }
        return {"model": self.model} | {
            f"{section}.{key}": value
            for section, values in sections.items()
            for key, value in values.items()
            if key not in MACHINE
        }


def validated(model: type[BaseModel], values: dict[str, Any], section: str) -> Any:
    """``model(**values)``, with one line that names the setting, its rule and its value if that fails."""
    unknown = [key for key in values if key not in model.model_fields]
    if unknown:
        raise unknown_name(f"{section} setting", unknown[0], sorted(model.model_fields))
    for key, value in values.items():
        hint = model.model_fields[key].annotation
        if isinstance(value, bool) and {int, float} & {hint, *get_args(hint)}:  # true would count as 1
            raise ScansearchError(f"{section} setting {key}: input should be a number, got {str(value).lower()}")
    try:
        return model(**values)
    except ValidationError as error:
        raise ScansearchError(f"{section} setting {first_problem(error)}") from error


class Overrides:
    """Settings by section, later layers winning over earlier ones.

    Args:
        known: What can be set.
    """

    def __init__(self, known: Sections) -> None:
        self.known = known
        self.fields = {section: [option.name for option in options] for section, options in known.items()}
        self.values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}

    def update(self, layer: dict[str, Any], source: str) -> None:
        """Adds a layer of ``{section: {key: value}}``."""
        for section, values in layer.items():
            if section not in SECTIONS:
                raise self._unknown_section(section, source)
            if not isinstance(values, dict):
                raise ScansearchError(
                    f"{source}: {section} must be a section, [{section}], but got {section} = {values!r}"
                )
            for key in values:
                self._require(section, key, f"{section} setting in {source}")
            self.values[section].update(values)

    def _unknown_section(self, name: str, source: str) -> ScansearchError:
        owners = [section for section in SECTIONS if name in self.fields[section]]
        if owners:
            return ScansearchError(
                f"{source}: {name} must stand in its section, [{owners[0]}]; write that line above it"
            )
        return unknown_name(f"section in {source}", name, list(SECTIONS))

    def assign(self, assignment: str) -> None:
        """Adds one ``key=value`` or ``section.key=value`` of ``--set``."""
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise ScansearchError(f"--set takes key=value, but got {assignment!r}; for example --set lr=0.001")
        try:
            value = parse_value(text.strip())
        except ScansearchError as error:
            raise ScansearchError(f"--set {key.strip()}: {str(error).removeprefix(f'{_KEY}: ')}") from error
        self.set(key.strip(), value)

    def set(self, key: str, value: Any) -> None:
        """Adds one setting, by its name or ``section.name``."""
        section, name = self._find(key)
        self.values[section][name] = value

    def _find(self, key: str) -> tuple[str, str]:
        section, dot, name = key.partition(".")
        if dot and section in SECTIONS:
            self._require(section, name, f"{section} setting")
            return section, name
        owners = [section for section in SECTIONS if key in self.fields[section]]
        if len(owners) > 1:
            raise ScansearchError(f"setting {key!r} is ambiguous; write {' or '.join(f'{o}.{key}' for o in owners)}")
        if not owners:
            raise unknown_option("setting", key, self.known)
        return owners[0], key

    def _require(self, section: str, name: str, kind: str) -> None:
        if name not in self.fields[section]:
            raise unknown_option(kind, name, self.known, section)


def _found_from_everywhere(root: str) -> str:
    """A folder by its absolute path, so that a resume from another folder finds it."""
    return str(Path(root).absolute()) if root and "://" not in root else root


_KEY = "value"  # in the place of a name that TOML may not take


def parse_value(text: str) -> Any:
    """A value of ``--set`` as TOML reads it (numbers, true, false, lists); anything else is a string."""
    try:
        return parse_toml(f"{_KEY} = {text}")[_KEY]
    except ValueError:
        return text


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
    from scansearch.engine.known_settings import known_settings

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
