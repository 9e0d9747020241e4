"""What a network is built for: the images that it takes, and how many classes it tells apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from scansearch.errors import ScansearchError

MAX_SIDE = 2**15
MAX_CHANNELS = 2**12
MAX_CLASSES = 10**6
Size = tuple[int, int]
"""(height, width), or (rows, columns)."""
Measure = Literal["accuracy", "mean_iou"]


def _count(most: int, description: str) -> Any:
    return Field(ge=1, le=most, strict=True, description=description)


@dataclass(frozen=True)
class ImageShape:
    """The images that a network takes, and its classes.

    Args:
        height: Pixels, 1 to 32,768.
        width: Pixels, likewise.
        channels: Colour channels, 1 to 4,096.
        classes: Classes of the head, 1 to a million.
        dense: Whether each pixel has a class, rather than each image: logits are (B, classes, H, W), not (B, classes).

    Raises:
        ScansearchError: If one of them is no integer in its range.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "extra": "forbid",
        "json_schema_extra": {"description": "The images that the network takes, and its classes."},
    }

    height: Annotated[int, _count(MAX_SIDE, "Pixels.")]
    width: Annotated[int, _count(MAX_SIDE, "Pixels.")]
    channels: Annotated[int, _count(MAX_CHANNELS, "Colour channels.")]
    classes: Annotated[int, _count(MAX_CLASSES, "Classes of the head.")]
    dense: Annotated[
        bool, Field(strict=True, description="Whether each pixel has a class, rather than each image.")
    ] = False

    def __post_init__(self) -> None:
        check_number("the height of an image", self.height, MAX_SIDE)
        check_number("the width of an image", self.width, MAX_SIDE)
        check_number("channels", self.channels, MAX_CHANNELS)
        check_number("classes", self.classes, MAX_CLASSES)

    @property
    def size(self) -> Size:
        """(height, width) in pixels."""
        return self.height, self.width

    @property
    def measure(self) -> Measure:
        """What networks for such images are ranked by, in [0, 1].

        The share of images that are right; or where each pixel has a class, the mean of the classes' intersection over union.
        """
        return "mean_iou" if self.dense else "accuracy"


def measure_text(measure: str) -> str:
    """A measure as people write it."""
    return measure.replace("mean_iou", "mean IoU")


def check_number(name: str, value: object, most: int) -> None:
    """Checks that ``value`` is an integer from 1 to ``most``; a bool is none.

    Raises:
        ScansearchError: If it is not.
    """
    if type(value) is not int or not 1 <= value <= most:
        raise ScansearchError(f"{name} must be an integer from 1 to {most}, but got {value!r}")


def shape_from(num_classes: int, image_size: object, in_channels: int, dense: bool = False) -> ImageShape:
    """A shape from arguments as ``build`` takes them, checked by the names that they have there.

    Raises:
        ScansearchError: If one is no size that a network can have.
    """
    size = image_size if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if len(size) != 2:
        raise ScansearchError(f"image_size must be one side, or (height, width), in pixels, but got {image_size!r}")
    for side in size:
        check_number("a side of image_size", side, MAX_SIDE)
    check_number("num_classes", num_classes, MAX_CLASSES)
    check_number("in_channels", in_channels, MAX_CHANNELS)
    height, width = size
    return ImageShape(height, width, in_channels, num_classes, dense)
