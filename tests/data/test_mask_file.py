from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scansearch.data.image_file import DamagedImageError, decode
from scansearch.data.mask_file import decode_mask, inspect_masks, mask_of

HERE = Path("mask.png")


def saved(image: Image.Image, form: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def grey_png(bits: int, row: bytes) -> bytes:
    """A PNG of 4 x 1 pixels, written by hand."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 4, 1, bits, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (grey_png(1, bytes([0b01100000])), [0, 1, 1, 0]),
        (grey_png(2, bytes([0b00011011])), [0, 1, 2, 3]),
        (grey_png(4, bytes([0x01, 0x2F])), [0, 1, 2, 15]),
        (grey_png(8, bytes([0, 1, 254, 255])), [0, 1, 254, 255]),
        (grey_png(16, struct.pack(">4H", 0, 1, 2, 255)), [0, 1, 2, 255]),
    ],
)
def test_values_of_grey_are_those_in_the_file(data, wanted):
    mask = mask_of(HERE, data)
    assert mask.dtype == np.uint8
    assert mask.tolist() == [wanted]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_values_of_a_palette_are_its_places_whatever_the_colours(bits):
    image = Image.fromarray(np.array([[0, 1, 2, 3]], np.uint8), "P")
    image.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0, 200, 200, 200])
    assert mask_of(HERE, saved(image, bits=bits)).tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (saved(Image.new("RGB", (2, 2))), "colour or an alpha channel"),
        (saved(Image.new("LA", (2, 2))), "colour or an alpha channel"),
        (grey_png(16, struct.pack(">4H", 0, 1, 2, 256)), "0 to 255, but this one holds 256"),
        (saved(Image.new("L", (2, 2)), "JPEG"), "it is no PNG"),
        (saved(Image.new("L", (64, 64)))[:60], "mask.png cannot be decoded"),
        (b"", "it is no PNG"),
    ],
)
def test_what_is_no_mask_is_refused(data, reason):
    with pytest.raises(DamagedImageError, match=reason):
        mask_of(HERE, data)


@pytest.mark.parametrize("size", [(6, 9), (12, 12), (20, 7), (4, 5)])
def test_masks_are_scaled_and_cropped_as_their_images(size, tmp_path):
    mask = np.zeros((13, 18), np.uint8)
    mask[3:8, 5:15] = 1
    Image.fromarray(mask).save(tmp_path / "mask.png")
    Image.fromarray(np.repeat(mask[..., None] * 255, 3, 2)).save(tmp_path / "image.png")
    scaled, image = decode_mask(tmp_path / "mask.png", *size), decode(tmp_path / "image.png", *size)[..., 0]
    assert scaled.shape == size
    sure = (image < 32) | (image > 223)  # pixels on an edge are grey in the image
    assert np.array_equal(scaled[sure], (image[sure] > 127).astype(np.uint8))
    assert sure.any()


def test_an_inspection_tells_classes_and_damage_and_is_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Image.fromarray(np.array([[0, 3, 255]], np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.full((2, 2), 255, np.uint8)).save(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"no")
    (a, b, c, d), notes = inspect_masks(tmp_path, ["a.png", "b.png", "c.png", "gone.png"])
    assert (a.height, a.width, list(a.classes), a.damage) == (1, 3, [0, 3], "")
    assert (b.damage, c.damage) == ("every pixel is 255, which is ignored", "it is no PNG")
    assert "gone" in d.damage
    assert notes == ()
