"""Grey images whose pixels are numbers: those in the file, where Pillow makes others of them, or none at all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

WIDE_MODES = ("I", "F")
BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339
"""Tags of TIFF."""
WHITE_IS_ZERO, UNSIGNED, SIGNED = 0, 1, 2
MISSED_KEYS = ("L;2", "L;4", "RGB;16B")
"""Pillow compares a PNG's transparent colour with the scaled pixels of these, and so finds none or others."""
WHITE = 65535

Numbers = Callable[[np.ndarray], np.ndarray]


def number_reader(image: Image.Image) -> Numbers | None:
    """What makes the numbers in the file of those that Pillow decodes.

    Args:
        image: Opened, but not decoded yet.

    Returns:
        A function of the decoded pixels, (height, width); None if the file holds a picture in bytes, and no numbers.

    Raises:
        ValueError: If Pillow would decode others than the file holds, and they cannot be told from these.
    """
    readers = {"TIFF": _of_tiff, "PNG": _of_png, "PPM": _of_pgm}
    own = readers[image.format](image) if image.format in readers else None
    return own or (np.asarray if image.mode.startswith(WIDE_MODES) else None)


def _of_tiff(image: Image.Image) -> Numbers | None:
    tags = image.tag_v2  # type: ignore[attr-defined]
    kind = tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0]
    if image.mode == "L" and kind == SIGNED:
        return lambda pixels: pixels.view(np.int8)
    if not image.mode.startswith(WIDE_MODES):
        return None
    # Pillow turns the bytes of these round, which libtiff has done already.
    if _tile(image)[0] == "libtiff" and tags.prefix == b"MM" and kind != UNSIGNED:
        raise ValueError("compressed numbers with the high byte first are not read: save it with the low byte first")
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        raise ValueError("grey of more than 8 bits with 0 as white is not read: save it with 0 as black")
    if image.mode == "I" and kind == UNSIGNED and tags.get(BITS) == (32,):
        return lambda pixels: pixels.view(np.uint32)
    return None


def _of_png(image: Image.Image) -> Numbers | None:
    hidden = image.info.get("transparency")
    if hidden is None:
        return None
    if _tile(image)[1][0] in MISSED_KEYS:
        raise ValueError(
            "a transparent colour in grey of 2 or 4 bits or colour of 16 is not read: save it with an alpha channel"
        )
    return (lambda pixels: np.where(pixels == hidden, WHITE, pixels)) if image.mode.startswith(WIDE_MODES) else None


def _of_pgm(image: Image.Image) -> Numbers | None:
    _, arguments = _tile(image)
    if image.mode != "I" or len(arguments) < 2:
        return None
    # Pillow stretched them to 65535, which is at least the largest number in the file: rounding finds each again.
    return lambda pixels: np.rint(pixels * (arguments[1] / WHITE))


def _tile(image: Image.Image) -> tuple[str, tuple]:
    """Pillow's decoder of the image and its arguments, of which the first says how the pixels are stored."""
    decoder, _, _, arguments = image.tile[0]  # type: ignore[attr-defined]
    return decoder, arguments if isinstance(arguments, tuple) else (arguments,)
