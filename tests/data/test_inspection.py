from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scansearch.data import inspection
from scansearch.data.inspection import inspect, inspect_file
from scansearch.data.inspection_cache import InspectionCache

OLD = 1_600_000_000


def picture(path: Path, grey: int) -> str:
    Image.fromarray(np.full((8, 8), grey, np.uint8)).save(path)
    return path.name


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read."""
    read: list[str] = []

    def count(path: Path) -> bytes:
        read.append(path.name)
        return path.read_bytes()

    monkeypatch.setattr(inspection, "read_file", count)
    return read


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if all files had been there for a while."""
    monkeypatch.setattr("scansearch.data.inspection_cache.SETTLED_NS", -(10**12))


def test_what_is_found(tmp_path: Path) -> None:
    picture(tmp_path / "good.png", 3)
    found = inspect_file(tmp_path / "good.png")
    assert found.data == hashlib.sha256((tmp_path / "good.png").read_bytes()).hexdigest()
    assert (found.height, found.width, found.deep, found.damage) == (8, 8, False, "")
    (tmp_path / "bad.png").write_bytes(b"no image")
    found = inspect_file(tmp_path / "bad.png")
    assert found.damage == "it is no image of a known format"
    assert (found.data, found.pixels) == (hashlib.sha256(b"no image").hexdigest(), "")
    assert inspect_file(tmp_path / "none.png").damage == "it is gone"


def test_progress_and_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "BLOCK", 4)
    files = [picture(tmp_path / f"{i}.bmp", i) for i in range(10)]
    told: list[int] = []
    seen, notes = inspect(tmp_path, files, told.append)
    assert told == [4, 8, 10]
    assert seen == tuple(inspect_file(tmp_path / file) for file in files)
    assert notes == ()


def test_a_second_look_reads_only_what_changed(tmp_path: Path, counted: list[str], settled: None, cache: Path) -> None:
    files = [picture(tmp_path / f"{i}.bmp", i) for i in range(3)]
    (tmp_path / "bad.bmp").write_bytes(b"no image")
    files.append("bad.bmp")
    first = inspect(tmp_path, files)
    assert sorted(counted) == sorted(files)
    assert len(list(cache.iterdir())) == 1
    counted.clear()
    assert inspect(tmp_path, files) == first
    assert counted == []
    times = (tmp_path / "1.bmp").stat()
    picture(tmp_path / "1.bmp", 77)  # as many bytes, and the time of writing put back
    os.utime(tmp_path / "1.bmp", ns=(times.st_atime_ns, times.st_mtime_ns))
    second = inspect(tmp_path, files)
    assert counted == ["1.bmp"]
    assert [a == b for a, b in zip(first[0], second[0], strict=True)] == [True, False, True, True]


def test_an_interrupted_check_is_not_in_vain(
    tmp_path: Path, counted: list[str], settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inspection, "BLOCK", 2)
    files = [picture(tmp_path / f"{i}.bmp", i) for i in range(3)]
    with pytest.raises(KeyboardInterrupt):
        inspect(tmp_path, files, interrupt)
    inspect(tmp_path, files)
    assert sorted(counted) == files


def test_what_changed_just_now_is_not_remembered(tmp_path: Path, counted: list[str], cache: Path) -> None:
    files = [picture(tmp_path / "0.bmp", 0)]
    inspect(tmp_path, files)
    inspect(tmp_path, files)
    assert counted == ["0.bmp"] * 2
    assert not cache.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[:-9],
        lambda whole: whole.replace(b"0.bmp", b"1.bmp"),
        lambda whole: b"[" * 100_000,
        lambda whole: (
            hashlib.sha256(b'{"made_by": "another", "files": {}}').hexdigest().encode()
            + b'\n{"made_by": "another", "files": {}}'
        ),
    ],
    ids=["empty", "cut", "altered", "nested", "other version"],
)
def test_a_damaged_cache_is_as_good_as_none(tmp_path: Path, counted: list[str], settled: None, damage) -> None:
    files = [picture(tmp_path / "0.bmp", 0)]
    first = inspect(tmp_path, files)
    path = InspectionCache(tmp_path).path
    path.write_bytes(damage(path.read_bytes()))
    assert inspect(tmp_path, files) == first
    assert counted == ["0.bmp"] * 2
    assert inspect(tmp_path, files) == first
    assert counted == ["0.bmp"] * 2, "the damaged cache was not replaced"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_a_cache_that_is_no_file(tmp_path: Path, settled: None, cache: Path) -> None:
    files = [picture(tmp_path / "0.bmp", 0)]
    cache.mkdir()
    os.mkfifo(InspectionCache(tmp_path).path)
    assert inspect(tmp_path, files)[0][0].damage == ""


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, settled: None, cache: Path) -> None:
    files = [picture(tmp_path / "0.bmp", 0)]
    cache.write_bytes(b"a file where the folder should be")
    seen, notes = inspect(tmp_path, files)
    assert not seen[0].damage
    assert len(notes) == 1
    assert "cannot write" in notes[0]
    assert "will check all images again" in notes[0]


def test_what_could_not_be_read_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: None) -> None:
    files = [picture(tmp_path / "0.bmp", 0)]

    def fail(path: Path) -> bytes:
        raise OSError(5, "Input/output error", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        assert inspect(tmp_path, files)[0][0].damage == "input/output error"
    assert not inspect(tmp_path, files)[0][0].damage


def test_the_size_is_that_of_the_upright_image(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.new("RGB", (6, 4)).save(tmp_path / "lying.jpg", exif=exif)
    Image.new("RGB", (6, 4)).save(tmp_path / "plain.jpg")
    sizes = {name: inspect_file(tmp_path / name)[2:4] for name in ("lying.jpg", "plain.jpg")}
    assert sizes == {"lying.jpg": (6, 4), "plain.jpg": (4, 6)}
