"""One image file as pixels: upright, opaque, and scaled to what a model reads."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from scansearch.data.grey_numbers import Numbers, number_reader
from scansearch.data.pixels import covering
from scansearch.errors import ScansearchError
from scansearch.files import check_file

MOST_PIXELS = 175_000_000
MOST_BYTES = 2**30
LARGE = 2**25
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "PPM", "GIF", "TIFF")
"""Whatever a file is called. Pillow would also start another program, for PostScript."""
BACKGROUND = (255, 255, 255, 255)
"""What shows through transparent pixels, in whose colour programs leave anything: white."""

Box = tuple[float, float, float, float]
"""A part of an image: left, top, right, bottom."""
Cut = Callable[[int, int], Box]
"""From the width and height of an upright image to the part that is taken of it."""

_large = threading.Lock()


class DamagedImageError(ScansearchError):
    """An image file that cannot be used.

    Args:
        path: The file.
        reason: Why, in a few words.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the image {path} cannot be decoded ({reason}); replace or remove it")
        self.reason = reason


def decode(path: Path, height: int, width: int, inner: float = 1.0) -> np.ndarray:
    """Reads one image, scaled to cover height x width and cropped about the centre; ``inner`` as of ``pixels_of``.

    Returns:
        uint8 of shape (height, width, 3), RGB; or float32 of shape (height, width, 1), the numbers in the file, if that
        is grey of 16 or 32 bits or of signed numbers.

    Raises:
        DamagedImageError: If it is missing, damaged or too large, or its numbers would not be read as they are.
    """
    return pixels_of(path, read_file(path), (height, width), inner=inner)


def read_file(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        DamagedImageError: If there is no such file, it cannot be read, is no file, or has more than 1 GiB.
    """
    try:
        size = check_file(path).st_size
        if size > MOST_BYTES:
            raise DamagedImageError(path, f"{size:,} bytes, at most {MOST_BYTES:,} are read")
        return path.read_bytes()
    except FileNotFoundError:
        raise DamagedImageError(path, "it is gone") from None
    except OSError as error:
        raise DamagedImageError(path, (error.strerror or str(error)).lower()) from None


def pixels_of(
    path: Path, data: bytes, size: tuple[int, int] | None = None, cut: Cut | None = None, inner: float = 1.0
) -> np.ndarray:
    """The pixels of an image file, turned as its EXIF orientation says; transparent ones lie on white.

    Args:
        path: The file, for messages.
        data: Its bytes.
        size: (height, width) to scale and crop to; by default the whole image.
        cut: The part that is scaled to ``size``, bicubic; by default the largest about the centre, bilinear.
        inner: Without ``cut``: the image is scaled to cover ``size`` / ``inner``, bicubic, and ``size`` is cropped about the centre. 1
            is the default of ``cut``, and what becomes of an image that has this size.

    Returns:
        As ``decode``.

    Raises:
        DamagedImageError: If it is damaged, has more than 175 million pixels, or its numbers would not be read as they are.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image, _turn(image):
            read = number_reader(image)
            whole = _upright(image, *image.size)
            part = None if cut is None else cut(*whole)
            inner = 1.0 if size == whole[::-1] else inner
            if size is not None:
                _shrink(image, *size, part, inner)
            ImageOps.exif_transpose(image, in_place=True)
            plain = _plain(image, read)
            if size is not None:
                plain = _scaled(plain, *size, None if part is None else _shrunk(part, whole, plain.size), inner)
            return np.atleast_3d(np.asarray(plain))
    except Image.DecompressionBombError:
        raise DamagedImageError(path, f"more than {MOST_PIXELS // 10**6} million pixels") from None
    except MemoryError:
        raise ScansearchError(f"the image {path} does not fit into memory; scale it down or remove it") from None
    except Exception as error:  # pillow's decoders raise whatever a damaged file makes them stumble over
        raise DamagedImageError(path, _reason(error)) from None


def crop_box(width: int, height: int, target_width: int, target_height: int) -> Box:
    """The largest centred part of an image that has the target's proportions: (left, top, right, bottom).

    It is cropped before it is scaled: a picture of 10,000 x 1 would otherwise be scaled up whole.
    """
    scale = min(width / target_width, height / target_height)
    # Rounding may make the product larger than the side it was computed from.
    left = (width - min(width, scale * target_width)) / 2
    top = (height - min(height, scale * target_height)) / 2
    return left, top, width - left, height - top


def inner_box(width: int, height: int, target_width: int, target_height: int, inner: float) -> Box:
    """What remains of an image that is scaled to cover the target / ``inner`` and cropped about its centre.

    Sides and corners are rounded as by torchvision's ``Resize`` and ``CenterCrop``, by which published accuracies are measured; scaling
    that box alone gives their pixels but for rounding.
    """
    columns, rows = math.floor(target_width / inner), math.floor(target_height / inner)
    if columns * height >= rows * width:
        rows = int(columns * height / width)
    else:
        columns = int(rows * width / height)
    left, top = round((columns - target_width) / 2), round((rows - target_height) / 2)
    across, down = width / columns, height / rows
    right, bottom = min((left + target_width) * across, width), min((top + target_height) * down, height)
    return left * across, top * down, right, bottom


def _turn(image: Image.Image) -> AbstractContextManager[object]:
    """Large images are decoded one at a time: each may take ten bytes a pixel for a while."""
    area = image.width * image.height
    if area > MOST_PIXELS:
        raise Image.DecompressionBombError
    return _large if area > LARGE else nullcontext()


def _upright(image: Image.Image, width: int, height: int) -> tuple[int, int]:
    return (height, width) if image.getexif().get(0x0112, 1) in (5, 6, 7, 8) else (width, height)


def _shrink(image: Image.Image, height: int, width: int, part: Box | None, inner: float) -> None:
    # A JPEG can be decoded at a half, a quarter or an eighth of its size, at a fraction of the time.
    columns, rows = _upright(image, *image.size)
    if part is None:
        rows, columns = covering(rows, columns, math.ceil(height / inner), math.ceil(width / inner))
    else:
        left, top, right, bottom = part
        rows, columns = math.ceil(rows * height / (bottom - top)), math.ceil(columns * width / (right - left))
    image.draft("RGB", _upright(image, columns, rows))


def _shrunk(part: Box, whole: tuple[int, int], size: tuple[int, int]) -> Box:
    """The same part of the image as it was decoded."""
    across, down = size[0] / whole[0], size[1] / whole[1]
    left, top, right, bottom = part
    return left * across, top * down, min(right * across, size[0]), min(bottom * down, size[1])


def _scaled(image: Image.Image, height: int, width: int, part: Box | None, inner: float) -> Image.Image:
    if part is None and inner < 1:
        whole = inner_box(*image.size, width, height, inner)
        return image.resize((width, height), Image.Resampling.BICUBIC, box=whole)
    if part is None:
        return image.resize((width, height), Image.Resampling.BILINEAR, box=crop_box(*image.size, width, height))
    left, top, right, bottom = part
    first, above = math.floor(left), math.floor(top)
    # Cut out before: the scaling would look at pixels beside its box.
    image = image.crop((first, above, math.ceil(right), math.ceil(bottom)))
    box = left - first, top - above, right - first, bottom - above
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box)


def _plain(image: Image.Image, read: Numbers | None) -> Image.Image:
    if read is not None:
        numbers = read(np.asarray(image)).astype(np.float32)
        if not np.isfinite(numbers).all():
            raise ValueError("numbers that are not finite")
        return Image.fromarray(numbers)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUND), image)
    return image if image.mode == "RGB" else image.convert("RGB")  # which would copy it


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):  # its message is the address of a buffer
        return "it is no image of a known format"
    lines = str(getattr(error, "strerror", None) or error).splitlines()
    return lines[0] if lines else type(error).__name__
