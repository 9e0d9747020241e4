"""Settings that every kind of run has: where it goes, what it reads, how weights learn."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from scansearch.runs.limits import MOST_EPOCHS, MOST_IMAGES, MOST_SIDE, MOST_STEPS

THREADS_A_CPU = 4
MOST_PATTERNS = 100
Pattern = Annotated[str, Field(min_length=1, max_length=200)]


class Settings(BaseModel):
    """A section of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MachineSettings(Settings):
    """Where, how exactly and how fast a run computes. Runs that differ in nothing else are comparable."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to run.")
    devices: int = Field(
        1, ge=1, le=4096, description="Processes on each node that share every batch, each with a device of its own."
    )
    threads: int = Field(
        0,
        ge=0,
        description=f"CPU threads of all processes of a node together, at most {THREADS_A_CPU} a CPU; 0 leaves PyTorch's choice.",
    )
    workers: int = Field(
        -1,
        ge=-1,
        description="Processes of a node that read and decode images in files; 0 does it in threads of the run's own. -1: one a CPU if "
        "the images go to a GPU, otherwise 0.",
    )
    precision: Literal["auto", "32", "bf16"] = Field(
        "auto", description="Number format: auto is 32 on a CPU and bf16 mixed precision on a GPU."
    )
    scan_backend: str = Field(
        "auto", description="Backend of the selective scan: auto, or one that `scansearch doctor` names."
    )
    mixture: Literal["auto", "keep", "recompute", "streamed"] = Field(
        "auto",
        description="keep: the selected directions of a layer are kept for the backward pass. recompute: they are added up in "
        "chunks and computed again, in memory that does not grow with their number. streamed: the same, one at a time: the least "
        "memory. auto: the first of them that this machine has the memory for; in a training, keep up to 16 and recompute more.",
    )
    checkpoint_steps: int = Field(
        50, ge=1, le=MOST_STEPS, description="Steps between checkpoints; one more at the end of each epoch."
    )

    @field_validator("precision", mode="before")
    @classmethod
    def _number_as_name(cls, value: Any) -> Any:
        return str(value) if value in (16, 32) else value  # --set precision=32 is a number to TOML

    @field_validator("threads", "workers")
    @classmethod
    def _fit_the_machine(cls, value: int, info: ValidationInfo) -> int:
        if value > most_threads():
            raise ValueError(f"at most {most_threads()} {info.field_name} run on this machine, {THREADS_A_CPU} a CPU")
        return value


class DataSettings(Settings):
    """The images, and how many of them."""

    name: str = Field("digits", description="Data set.")
    root: str = Field("", description="Folder or file of the images; empty if they need none.")
    limit: int = Field(0, ge=0, le=MOST_IMAGES, description="Use at most this many training images; 0 uses all.")
    validation_limit: int = Field(
        0, ge=0, le=MOST_IMAGES, description="Use at most this many validation images; 0 uses all."
    )
    part: Literal["", "1/2", "2/2"] = Field(
        "", description="Take this half of the training and validation images, stratified; empty takes all."
    )
    halving: int = Field(0, ge=0, lt=2**32, description="Which of the ways to halve them; any number is one.")
    image_size: int = Field(0, ge=0, le=MOST_SIDE, description="Resize the images to this size; 0 leaves them.")
    evaluation_crop: float = Field(
        1.0,
        ge=0.1,
        le=1,
        description="Scale validation and test images to cover image_size / evaluation_crop, and crop the middle; of image files. "
        "Published: 0.875.",
    )
    skip_damaged: bool = Field(False, description="Leave image files out that cannot be decoded, rather than stop.")
    refuse_duplicates: bool = Field(
        False, description="Stop if training, validation and test share an image, rather than warn."
    )


class TrainSettings(Settings):
    """How weights are trained. The defaults suit short runs of small models on a CPU."""

    epochs: int = Field(12, ge=1, le=MOST_EPOCHS, description="Passes over the training data.")
    batch_size: int = Field(64, ge=1, le=65_536, description="Images in a step, over all processes.")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="Optimiser of the weights.")
    lr: float = Field(3e-3, gt=0, le=100, description="Peak learning rate of the weights.")
    min_lr: float = Field(1e-6, ge=0, le=100, description="Learning rate at the end of the cosine schedule.")
    warmup_epochs: float = Field(1.0, ge=0, le=MOST_EPOCHS, description="Epochs of linear warm-up.")
    warmup_by: Literal["step", "epoch"] = Field(
        "step",
        description="When lr changes in the warm-up: with every step, or only from epoch to epoch.",
    )
    decay_by: Literal["step", "epoch"] = Field("step", description="When lr changes after the warm-up.")
    weight_decay: float = Field(
        0.04, ge=0, le=100, description="Weight decay; biases, norms and other 1-D parameters have none."
    )
    without_decay: list[Pattern] = Field(
        [],
        max_length=MOST_PATTERNS,
        description="Of a training: more weights without decay, by patterns of their names such as *.A_log.",
    )
    with_decay: list[Pattern] = Field(
        [], max_length=MOST_PATTERNS, description="Of a training: weights with decay that would have none, likewise."
    )
    layer_decay: float = Field(
        1.0,
        ge=0.01,
        le=1,
        description="Of a training: how fast a layer learns, as a share of the layer after it; 1 is off.",
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of SGD.")
    clip_norm: float = Field(1.0, ge=0, le=1e6, description="Largest norm of the weights' gradient; 0 does not clip.")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="Label smoothing.")
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Of a training: decay of the moving average of the weights, which is then what is validated and kept; 0 is off.",
    )

    @model_validator(mode="after")
    def _rates_in_order(self) -> TrainSettings:
        if self.min_lr > self.lr:
            raise ValueError(f"min_lr <= lr must hold, but got {self.min_lr} and {self.lr}")
        return self

    def of_trainings(self) -> list[tuple[str, Any]]:
        """The settings that only trainings of final networks have, as far as they are not their defaults."""
        names = ("ema", "without_decay", "with_decay", "layer_decay")
        return [(n, getattr(self, n)) for n in names if getattr(self, n) != TrainSettings.model_fields[n].default]

    def notes(self) -> list[str]:
        """What the user should know about these settings, a line each."""
        if self.warmup_epochs < self.epochs:
            return []
        return [
            f"warmup_epochs={self.warmup_epochs:g} is not shorter than epochs={self.epochs}: the weights' learning rate never "
            "reaches lr"
        ]


def most_threads() -> int:
    """How many threads are allowed here: with more, they only wait for each other, and some systems fail."""
    return THREADS_A_CPU * (os.cpu_count() or 1)
