from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from scansearch.data.idx import read_idx
from scansearch.errors import ScansearchError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("name", ["images", "images.gz"])
def test_round_trip(tmp_path: Path, write_idx, name: str) -> None:
    found = read_idx(write_idx(tmp_path / name, IMAGES), 3)
    assert np.array_equal(found, IMAGES)
    assert found.flags.writeable


def truncated(data: bytes) -> bytes:
    return data[:-3]


def too_long(data: bytes) -> bytes:
    return data + b"\0"


def huge(data: bytes) -> bytes:
    return data[:4] + b"\xff" * 12 + data[16:]


def of_floats(data: bytes) -> bytes:
    return b"\0\0\x0d\x03" + data[4:]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncated, "holds only 21"),
        (too_long, "holds more"),
        (huge, "cannot be right"),
        (of_floats, "begins with 00 00 0d 03"),
        (lambda data: b"", "begins with nothing"),
        (lambda data: data[:9], "IDX file"),
        (lambda data: b"<html>not found</html>", "begins with 3c 68 74 6d"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_damaged_files(tmp_path: Path, write_idx, damage, message: str, suffix: str) -> None:
    data = damage(write_idx(tmp_path / "whole", IMAGES).read_bytes())
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(gzip.compress(data) if suffix else data)
    with pytest.raises(ScansearchError, match=message) as caught:
        read_idx(path, 3)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("damage", [lambda data: data[:-6], lambda data: data[:20] + b"\xff\xff" + data[22:], len])
def test_damaged_gzip(tmp_path: Path, write_idx, damage) -> None:
    path = write_idx(tmp_path / "images.gz", IMAGES)
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged if isinstance(damaged, bytes) else b"not gzip at all")
    with pytest.raises(ScansearchError, match="damaged"):
        read_idx(path, 3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.gz")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe", tmp_path / "pipe.gz"):
        with pytest.raises(ScansearchError, match="cannot be read"):
            read_idx(path, 1)
