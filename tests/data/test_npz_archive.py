from __future__ import annotations

import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from scansearch.data import npz_archive
from scansearch.data.npz import NPZ
from scansearch.data.npz_archive import list_arrays, read_arrays
from scansearch.errors import ScansearchError

SMALL = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_2_0(buffer, {"shape": shape, "fortran_order": False, "descr": dtype})
    return buffer.getvalue()


def write(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def refused(path: Path, name: str = "images") -> str:
    with pytest.raises(ScansearchError) as caught:
        read_arrays(path, [name])
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_round_trip(tmp_path: Path, save) -> None:
    save(tmp_path / "a.npz", images=SMALL, turned=SMALL.T, zeros=np.zeros((2000, 2000)))
    assert list_arrays(tmp_path / "a.npz") == ["images", "turned", "zeros"]
    found = read_arrays(tmp_path / "a.npz", ["turned", "images", "zeros"])
    assert np.array_equal(found["turned"], SMALL.T)
    assert np.array_equal(found["images"], SMALL)
    assert found["zeros"].shape == (2000, 2000)


def test_a_member_that_is_no_array(tmp_path: Path) -> None:
    assert "plain arrays of numbers" in refused(write(tmp_path / "a.npz", {"images.npy": b"no array at all"}))
    assert "plain arrays of numbers" in refused(write(tmp_path / "a.npz", {"images": b"no array at all"}))
    assert "plain arrays of numbers" in refused(write(tmp_path / "a.npz", {"images.npy": b""}))


@pytest.mark.parametrize("shape", [(2**40,), (2**20, 2**20, 2**20, 2**20), (3,), (0,), (2**70,)])
def test_a_header_that_disagrees_with_the_archive_allocates_nothing(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = write(tmp_path / "a.npz", {"images.npy": header(shape) + b"1234"})
    tracemalloc.start()
    message = refused(path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    assert "but holds 4; it is damaged" in message


def test_a_header_that_is_cut_off(tmp_path: Path) -> None:
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (4,\n"
    body = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    assert "plain arrays of numbers" in refused(write(tmp_path / "a.npz", {"images.npy": body + b"1234"}))


def test_a_negative_length(tmp_path: Path) -> None:
    assert "a.npz" in refused(write(tmp_path / "a.npz", {"images.npy": header((-4,)) + b"1234"}))


def test_an_archive_that_claims_more_than_it_can_hold(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", {"images.npy": header((2**31,)) + b"1234"})
    with zipfile.ZipFile(path) as archive:
        (info,) = archive.infolist()
    whole = path.read_bytes()
    lie = (len(header((2**31,))) + 2**31).to_bytes(4, "little")
    path.write_bytes(whole.replace(info.file_size.to_bytes(4, "little"), lie))
    assert "claims 2,147,4" in refused(path)


def test_more_than_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "bomb.npz", {"images.npy": header((2**24,)) + bytes(2**24)})
    assert path.stat().st_size < 2**16
    monkeypatch.setattr(npz_archive, "machine_memory", lambda: 2**24)
    assert "needs 0.0 GB of memory, but this machine has 0.0 GB" in refused(path)


def test_objects_are_not_read(tmp_path: Path) -> None:
    assert "Python objects" in refused(write(tmp_path / "a.npz", {"images.npy": header((1,), "|O") + b"12345678"}))


def test_other_compressions_and_names_twice(tmp_path: Path) -> None:
    data = header((4,)) + b"1234"
    assert "np.savez does not use" in refused(write(tmp_path / "a.npz", {"images.npy": data}, zipfile.ZIP_BZIP2))
    with pytest.raises(ScansearchError, match="holds the array images twice"):
        list_arrays(write(tmp_path / "a.npz", {"images.npy": data, "images": data}))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(ScansearchError, match=r"pipe.npz cannot be read: it is a pipe, no file"):
        list_arrays(tmp_path / "pipe.npz")
    with pytest.raises(ScansearchError, match="holds none"):
        NPZ.load(tmp_path)
    for name, message in (("pipe", "it is a pipe, no file"), ("folder", "is empty")):
        with pytest.raises(ScansearchError, match=rf"{name}\.npz.* {message}"):
            NPZ.load(tmp_path / f"{name}.npz")
