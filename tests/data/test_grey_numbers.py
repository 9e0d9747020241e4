"""Numbers of grey images as they stand in the file: written here byte by byte, since Pillow cannot write these."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from scansearch.data.image_file import DamagedImageError, decode, pixels_of
from scansearch.data.inspection import inspect_file

UNSIGNED, SIGNED, FLOAT = 1, 2, 3


def tiff(numbers: np.ndarray, kind: int, order: str = "<", deflate: bool = False, white_is_zero: bool = False) -> bytes:
    height, width = numbers.shape
    data = numbers.astype(numbers.dtype.newbyteorder(order)).tobytes()
    data = zlib.compress(data) if deflate else data
    data += bytes(len(data) % 2)
    values = {
        256: width,
        257: height,
        258: 8 * numbers.itemsize,
        259: 8 if deflate else 1,
        262: 0 if white_is_zero else 1,
        273: 8,
        277: 1,
        278: height,
        279: len(data),
        339: kind,
    }
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8 + len(data))
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in values.items())
    return head + data + struct.pack(f"{order}H", len(values)) + entries + bytes(4)


def png(bits: int, kind: int, row: bytes, transparent: bytes, width: int) -> bytes:
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, 1, bits, kind, 0, 0, 0),
        b"tRNS": transparent,
        b"IDAT": zlib.compress(b"\0" + row),
        b"IEND": b"",
    }
    packed = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def read(data: bytes) -> list[float]:
    pixels = pixels_of(Path("image"), data)
    assert (pixels.dtype, pixels.shape[2]) == (np.float32, 1)
    return pixels.ravel().tolist()


def refusal(data: bytes) -> str:
    with pytest.raises(DamagedImageError, match="is not read|are not read") as caught:
        pixels_of(Path("image"), data)
    assert "\n" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("deflate", [False, True], ids=["plain", "deflated"])
@pytest.mark.parametrize(
    ("dtype", "kind", "numbers"),
    [
        ("u4", UNSIGNED, [0, 1, 3_000_000_000, 2**31]),
        ("i4", SIGNED, [0, -1, 65536, -(2**31)]),
        ("u2", UNSIGNED, [0, 1, 40_000, 65_535]),
        ("i2", SIGNED, [0, -1, 3, -32_768]),
        ("i1", SIGNED, [0, -1, 3, -128]),
        ("f4", FLOAT, [0, 1.5, -2, 2.0**90]),
    ],
)
def test_every_kind_of_number_of_a_tiff(dtype: str, kind: int, numbers: list[float], deflate: bool) -> None:
    stored = np.array([numbers], dtype)
    assert read(tiff(stored, kind, deflate=deflate)) == numbers
    if dtype == "u4":  # Pillow opens none of these with the high byte first
        return
    swapped = tiff(stored, kind, order=">", deflate=deflate)
    if deflate and dtype in ("i2", "i4", "f4"):
        assert "high byte first" in refusal(swapped)
    else:
        assert read(swapped) == numbers


@pytest.mark.parametrize(("dtype", "kind"), [("u2", UNSIGNED), ("f4", FLOAT)])
def test_numbers_with_0_as_white_are_refused(dtype: str, kind: int, tmp_path: Path) -> None:
    data = tiff(np.array([[0, 1, 2]], dtype), kind, white_is_zero=True)
    assert "with 0 as white is not read: save it with 0 as black" in refusal(data)
    (tmp_path / "a.tif").write_bytes(data)
    assert "0 as white" in inspect_file(tmp_path / "a.tif").damage
    eight = tiff(np.array([[0, 255]], np.uint8), UNSIGNED, white_is_zero=True)
    assert pixels_of(Path("image"), eight)[0, :, 0].tolist() == [255, 0]


@pytest.mark.parametrize("most", [256, 1000, 4095, 65_534, 65_535])
def test_a_pgm_is_not_stretched(most: int) -> None:
    numbers = np.arange(most + 1)
    head = f"{len(numbers)} 1 {most}\n".encode()
    assert read(b"P5 " + head + numbers.astype(">u2").tobytes()) == numbers.tolist()
    few = numbers[:: max(1, most // 50)]
    text = " ".join(map(str, few.tolist()))
    assert read(f"P2 {len(few)} 1 {most}\n{text}\n".encode()) == few.tolist()


def test_the_transparent_colour_of_sixteen_bits_is_white() -> None:
    row = struct.pack(">3H", 1000, 1001, 65_535)
    assert read(png(16, 0, row, struct.pack(">H", 1000), width=3)) == [65_535, 1001, 65_535]


@pytest.mark.parametrize(
    ("bits", "kind", "row", "transparent", "width"),
    [
        (2, 0, bytes([0b00011011]), struct.pack(">H", 1), 4),
        (4, 0, bytes([0x01, 0x2F]), struct.pack(">H", 2), 4),
        (16, 2, struct.pack(">6H", 3, 7, 11, 1000, 2000, 3000), struct.pack(">3H", 3, 7, 11), 2),
    ],
    ids=["grey of 2 bits", "grey of 4", "colour of 16"],
)
def test_transparent_colours_that_would_be_missed_are_refused(
    bits: int, kind: int, row: bytes, transparent: bytes, width: int
) -> None:
    assert "save it with an alpha channel" in refusal(png(bits, kind, row, transparent, width))


@pytest.mark.parametrize(("bits", "row"), [(1, bytes([0b01000000])), (8, bytes([0, 255]))])
def test_other_transparent_colours_lie_on_white(bits: int, row: bytes) -> None:
    found = pixels_of(Path("image"), png(bits, 0, row, struct.pack(">H", 0), width=2))
    assert found.ravel().tolist() == [255] * 6


def test_numbers_are_scaled_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(np.full((8, 8), 3 * 10**9, np.uint32), UNSIGNED))
    assert decode(tmp_path / "a.tif", 4, 4) == pytest.approx(3e9, rel=1e-6)
    (tmp_path / "b.tif").write_bytes(tiff(np.full((8, 8), -7, np.int8), SIGNED))
    assert inspect_file(tmp_path / "b.tif").deep
    assert decode(tmp_path / "b.tif", 4, 4) == pytest.approx(-7)
