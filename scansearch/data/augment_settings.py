"""Settings of the augmentation: validated, documented, and free of torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scansearch.errors import ScansearchError


class AugmentSettings(BaseModel):
    """What is done to training images; everything is off by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    crop_min: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="smallest area of a random part that is scaled up to the image, as a share of it (ImageNet: 0.08); 1 is off",
    )
    shift: float = Field(
        default=0.0, ge=0, le=0.5, description="largest random shift, as a share of the side (0.125: 4 pixels of 32)"
    )
    shift_fill: Literal["edge", "mean"] = Field(
        default="edge", description="what a shift brings in: the edge pixels again, or the mean colour"
    )
    flip: float = Field(default=0.0, ge=0, le=1, description="probability that an image is mirrored left to right")
    rand_augment: float = Field(
        default=0.0, ge=0, le=10, description="magnitude of RandAugment (ImageNet: 9), for images of bytes; 0 is off"
    )
    rand_augment_std: float = Field(
        default=0.5, ge=0, le=10, description="standard deviation of its magnitude, from operation to operation"
    )
    rand_augment_count: int = Field(
        default=2,
        ge=1,
        le=100,
        description="how many operations are drawn for an image; each is applied in half of the cases",
    )
    rand_augment_form: Literal["timm", "localmamba"] = Field(
        default="timm",
        description="timm: its 15 operations, stronger with the magnitude (rand-m9-mstd0.5-inc1). localmamba: the 19 of its code, in "
        "which posterizing, solarizing and colour factors do not grow stronger",
    )
    jitter: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="largest relative change of brightness, contrast and saturation, for images of bytes (ImageNet: 0.4)",
    )
    brightness: float = Field(
        default=0.0, ge=0, le=2, description="largest random change of brightness, in standard deviations of the data"
    )
    contrast: float = Field(
        default=0.0, ge=0, lt=1, description="contrast is multiplied by 1 - contrast to 1 + contrast"
    )
    erase: float = Field(default=0.0, ge=0, le=1, description="probability that a random rectangle is erased")
    erase_min: float = Field(default=0.02, gt=0, le=1, description="smallest area erased, as a share of the image")
    erase_max: float = Field(default=0.33, gt=0, le=1, description="largest area erased, as a share of the image")
    erase_fill: Literal["noise", "mean"] = Field(
        default="noise", description="what fills it: normal noise or the mean colour"
    )
    mixup: float = Field(default=0.0, ge=0, le=100, description="alpha of mixup's beta distribution; 0 is off")
    cutmix: float = Field(default=0.0, ge=0, le=100, description="alpha of cutmix's beta distribution; 0 is off")
    mix_probability: float = Field(
        default=1.0, ge=0, le=1, description="probability that an image is mixed with another"
    )
    cutmix_share: float = Field(
        default=0.5, ge=0, le=1, description="share of the mixed images that get cutmix where both it and mixup are on"
    )

    mix_together: int = Field(
        default=1,
        ge=1,
        le=65_536,
        description="how many images of a batch are mixed alike, by the same share or rectangle (timm's mode batch: all of a device)",
    )

    @model_validator(mode="after")
    def _areas_in_order(self) -> AugmentSettings:
        if self.erase_min > self.erase_max:
            raise ValueError(f"erase_min <= erase_max must hold, but got {self.erase_min} and {self.erase_max}")
        return self

    @property
    def mixes(self) -> bool:
        """Whether targets become soft."""
        return self.mix_probability > 0 and (self.mixup > 0 or self.cutmix > 0)

    @property
    def for_bytes(self) -> bool:
        """Whether something is done that is defined for images of bytes alone."""
        return self.rand_augment > 0 or self.jitter > 0

    def replace(self, **changes: Any) -> AugmentSettings:
        """A validated copy with some settings changed.

        Raises:
            ScansearchError: If a setting is unknown or out of range.
        """
        try:
            return AugmentSettings(**{**self.model_dump(), **changes})
        except ValidationError as error:
            problems = "; ".join(_explain(problem) for problem in error.errors())
            raise ScansearchError(f"augmentation: {problems}") from None


def _explain(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown setting {name!r}; there is: {', '.join(AugmentSettings.model_fields)}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{name}: {message}, but got {problem['input']!r}" if name else message
