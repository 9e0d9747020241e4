"""Everything a run is told: names of its parts and their settings, validated, from defaults, presets, file and flags."""

from __future__ import annotations

import os
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from scansearch.data.augment_settings import AugmentSettings
from scansearch.documents import first_problem
from scansearch.errors import ScansearchError
from scansearch.registry import unknown_name
from scansearch.runs.limits import MOST_EPOCHS, MOST_IMAGES, MOST_SIDE, MOST_STEPS

RUN_FORMAT: Literal["scansearch/run/1"] = "scansearch/run/1"
MACHINE = {"accelerator", "threads", "checkpoint_steps", "scan_backend", "mixture"}
"""Settings that say where and how fast a run goes, not what it computes."""
PLACES = {"data_root", "storage"}
"""Settings that say where something is kept that is checked by itself: images by their fingerprint, a study by its setup."""
THREADS_A_CPU = 4


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
