import os
from pathlib import Path

import pytest

from scansearch.documents import read_json, read_toml
from scansearch.errors import RunFolderError, ScansearchError
from scansearch.files import (
    append_bytes,
    check_file,
    own_folder,
    read_bytes,
    truncate,
    write_text,
)


def test_write_replaces_whole_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "a" / "x.json"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"
    assert os.listdir(path.parent) == ["x.json"]


def test_full_disk_is_one_line_and_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x"
    write_text(path, "old")
    monkeypatch.setattr("os.fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(RunFolderError, match="no space left on device; free some space"):
        write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def pipe(path):
    os.mkfifo(path)


def folder(path):
    path.mkdir()


def device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("made", [pipe, folder, device])
@pytest.mark.parametrize(
    "read", [lambda p: read_json(p, "genotype"), read_toml, lambda p: read_bytes(p, "table", 10**6)]
)
def test_what_is_no_file_is_refused_at_once(tmp_path, made, read):
    """A pipe that nobody writes into, and a device that never ends, used to hang."""
    made(tmp_path / "x")
    with pytest.raises(ScansearchError, match="cannot read this .*: it is a (folder|pipe|device), no file") as caught:
        read(tmp_path / "x")
    assert str(caught.value).startswith(str(tmp_path / "x"))


def test_a_link_that_somebody_names_is_read(tmp_path):
    (tmp_path / "g.json").write_text("[1]")
    (tmp_path / "link.json").symlink_to("g.json")
    assert read_json(tmp_path / "link.json", "genotype") == [1]


WRITES = {"append": lambda path: append_bytes(path, b"more"), "cut": lambda path: truncate(path, 0)}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_a_file_behind_a_link_stays_as_it_is(tmp_path, write, link):
    (tmp_path / "theirs").write_text("dear mother")
    getattr(tmp_path / "ours", link)(tmp_path / "theirs")
    with pytest.raises(
        RunFolderError, match=r"ours must be a file of this folder alone, but it is (a link|.*hard link)"
    ):
        write(tmp_path / "ours")
    assert (tmp_path / "theirs").read_text() == "dear mother"


def test_a_link_made_between_look_and_opening_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr("scansearch.files.check_own", lambda path: None)
    (tmp_path / "theirs").write_text("dear mother")
    (tmp_path / "ours").symlink_to("theirs")
    for write in WRITES.values():
        with pytest.raises(RunFolderError, match="cannot write"):
            write(tmp_path / "ours")
    assert (tmp_path / "theirs").read_text() == "dear mother"


@pytest.mark.parametrize("made", [pipe, folder, device])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_is_no_file_is_not_written(tmp_path, made, write):
    made(tmp_path / "x")
    with pytest.raises(RunFolderError, match="must be a file of this folder alone"):
        write(tmp_path / "x")


def test_files_are_added_to_and_cut(tmp_path):
    append_bytes(tmp_path / "x", b"one", sync=True)
    append_bytes(tmp_path / "x", b"two")
    assert (tmp_path / "x").read_bytes() == b"onetwo"
    truncate(tmp_path / "x", 3)
    assert (tmp_path / "x").read_bytes() == b"one"


def test_a_folder_of_ones_own(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "file").write_text("")
    assert own_folder(tmp_path / "there") == tmp_path / "there"
    assert own_folder(tmp_path / "not yet") == tmp_path / "not yet"
    for name in ("link", "file"):
        with pytest.raises(RunFolderError, match="must be a folder of the run itself"):
            own_folder(tmp_path / name)


def test_only_regular_files_are_files(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert check_file(tmp_path / "file").st_size == check_file(tmp_path / "link").st_size == 3
    with pytest.raises(OSError, match="it is a folder, no file"):
        check_file(tmp_path)
    with pytest.raises(OSError, match="it is a device, no file"):
        check_file(Path(os.devnull))
    with pytest.raises(FileNotFoundError):
        check_file(tmp_path / "missing")
