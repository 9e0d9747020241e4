"""Arrays of whatever numbers and axes as the images of a split."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scansearch.errors import ScansearchError

CHANNEL_AXIS = "channel_axis"
"""Name of the array, a single 1 or 3, by which an archive says where the channels are."""
USUAL_CHANNELS = 4
NUMBERS = "biuf"
SHAPES = "(n, H, W), (n, H, W, C) or (n, C, H, W)"


def channel_axis(images: np.ndarray, stated: np.ndarray | None, name: str, path: Path) -> tuple[int, tuple[str, ...]]:
    """Where the channels are.

    Three axes are (n, H, W), one channel. Of four, the last is the channels if its length is at most 4, otherwise the second
    if its length is at most 4. With more channels than that, images are taken to be square if one reading makes them so;
    otherwise the shorter of the two axes is the channels, and if they have one length, the archive must say. Where the axis
    that is not taken has at most 4, too, or only that reading makes the images square, a line says which was taken.

    Args:
        images: The training images.
        stated: The archive's own ``channel_axis``, which comes before all rules.
        name: Of the array of images, for messages.
        path: The archive, for messages.

    Returns:
        1 or 3, or 0 where there is no such axis; and a line that says so if there are more than 4 channels or the
        other axis may be meant.

    Raises:
        ScansearchError: If the images have no such shape, or it cannot be known.
    """
    shape = images.shape
    if images.ndim not in (3, 4) or images.size == 0:
        raise ScansearchError(f"{path}: images must have the shape {SHAPES} and no length 0, but {name} has {shape}")
    if stated is not None:
        return _stated(stated, images.ndim, path), ()
    if images.ndim == 3:
        return 0, ()
    for axis in (3, 1):
        if shape[axis] <= USUAL_CHANNELS:
            return axis, (_taken(shape, axis, path),) if _may_be_the_other(shape, axis) else ()
    _, first, middle, last = shape
    if first == last:
        raise ScansearchError(
            f"{path}: of images of shape {shape}, either axis may be the channels; save with them {CHANNEL_AXIS}=1 for "
            f"(n, C, H, W), or {CHANNEL_AXIS}=3 for (n, H, W, C)"
        )
    axis = (3 if first == middle else 1) if middle in (first, last) else (1 if first < last else 3)
    return axis, (_taken(shape, axis, path),)


def _may_be_the_other(shape: tuple[int, ...], axis: int) -> bool:
    """Whether both axes are short, or only the reading that is not taken makes the images square."""
    other = 4 - axis
    return shape[other] <= USUAL_CHANNELS or shape[axis] == shape[2]


def _taken(shape: tuple[int, ...], axis: int, path: Path) -> str:
    height, width = shape[2:] if axis == 1 else shape[1:3]
    return (
        f"{path}: images of shape {shape} are read as {shape[axis]} channels of {height} x {width} pixels; if that is "
        f"wrong, save {CHANNEL_AXIS}={4 - axis} with them"
    )


def _stated(stated: np.ndarray, axes: int, path: Path) -> int:
    if axes != 4 or stated.size != 1 or stated.item() not in (1, 3):
        raise ScansearchError(
            f"{path}: {CHANNEL_AXIS} must be 1 or 3, of images with four axes, but is {stated.ravel()[:3].tolist()} of "
            f"images with {axes}"
        )
    return int(stated.item())


def to_pixels(images: np.ndarray, axis: int, name: str, path: Path) -> np.ndarray:
    """Images as a split holds them.

    Args:
        images: Numbers of any kind.
        axis: Of the channels; 0 if there is none.
        name: Of the array, for messages.
        path: The archive, for messages.

    Returns:
        uint8 or float32 of shape (n, C, H, W).

    Raises:
        ScansearchError: If the shape is another, or a number is not finite as float32.
    """
    if images.ndim != (4 if axis else 3) or images.size == 0:
        raise ScansearchError(
            f"{path}: all images must have the same axes, none of length 0, but {name} has {images.shape}"
        )
    if images.dtype.kind not in NUMBERS:
        raise ScansearchError(f"{path}: images must be real numbers, but {name} is {images.dtype}")
    images = images[:, None] if axis == 0 else np.moveaxis(images, axis, 1)
    if images.dtype == bool:
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as such
        numbers = np.ascontiguousarray(images, dtype=np.float32)
    if not np.isfinite(numbers).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(numbers))[0])
        raise ScansearchError(
            f"{path}: images must be finite numbers within float32, but {name} holds {images[place]} in image {place[0]}; "
            "replace it, for example with np.nan_to_num"
        )
    return numbers
