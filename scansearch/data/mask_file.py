"""One mask file: the class of every pixel of an image."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from scansearch.data.dense import IGNORED
from scansearch.data.image_file import DamagedImageError, crop_box, read_file
from scansearch.data.inspection import look_into

STRETCHED = {"L;2": 85, "L;4": 17}
"""Pillow makes grey of 2 and 4 bits brighter; the numbers in the file are these parts of it."""


class MaskInspection(NamedTuple):
    """What was found in a mask file.

    Args:
        data: SHA-256 (hexadecimal) of its bytes; empty if they cannot be read.
        height: Rows; 0 if it is damaged.
        width: Columns likewise.
        classes: The classes that it holds, ascending; what is ignored is none.
        damage: Why it cannot be used; empty if it can.
    """

    data: str
    height: int = 0
    width: int = 0
    classes: Sequence[int] = ()
    damage: str = ""


def decode_mask(path: Path, height: int, width: int) -> np.ndarray:
    """Reads a mask, scaled (nearest) and cropped as ``decode`` does the image.

    Returns:
        uint8 of shape (height, width).

    Raises:
        DamagedImageError: If it is missing, damaged, or no palette or grey PNG with values of at most 255.
    """
    mask = Image.fromarray(mask_of(path, read_file(path)))
    scaled = mask.resize((width, height), Image.Resampling.NEAREST, box=crop_box(*mask.size, width, height))
    return np.asarray(scaled)


def mask_of(path: Path, data: bytes) -> np.ndarray:
    """The values in a mask file, uint8 of shape (H, W): palette places, or grey levels as they are in the file.

    Args:
        path: The file, for messages.
        data: Its bytes.

    Raises:
        DamagedImageError: As ``decode_mask``.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            stored = str(image.tile[0][3])
            values = np.asarray(image)
    except Exception as error:  # pillow's decoders raise whatever a damaged file makes them stumble over
        wrong = "it is no PNG" if isinstance(error, Image.UnidentifiedImageError) else str(error).partition("\n")[0]
        raise DamagedImageError(path, wrong or type(error).__name__) from None
    if values.ndim != 2:
        raise DamagedImageError(path, "a mask is a palette or grey PNG, but this one has colour or an alpha channel")
    if values.max() > IGNORED:
        raise DamagedImageError(path, f"the values of a mask are 0 to {IGNORED}, but this one holds {values.max()}")
    return np.asarray(values // STRETCHED.get(stored, 1), np.uint8)


def inspect_masks(root: Path, files: Sequence[str]) -> tuple[tuple[MaskInspection, ...], tuple[str, ...]]:
    """Reads mask files whole; see ``look_into``."""
    return look_into(root, files, MaskInspection, _inspect_file, kind="mask ")


def _inspect_file(path: Path) -> MaskInspection:
    data = ""
    try:
        content = read_file(path)
        data = hashlib.sha256(content).hexdigest()
        mask = mask_of(path, content)
    except DamagedImageError as error:
        return MaskInspection(data, damage=error.reason)
    classes = [value for value in np.unique(mask).tolist() if value != IGNORED]
    damage = "" if classes else f"every pixel is {IGNORED}, which is ignored"
    height, width = mask.shape
    return MaskInspection(data, height, width, classes, damage)
