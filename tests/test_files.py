import json
import os

import pytest

from scansearch.errors import RunFolderError, ScansearchError
from scansearch.files import read_json, write_text


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
    with pytest.raises(RunFolderError, match="no space left on device; free space"):
        write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize(
    ("content", "rule"),
    [(b"{", "line 1 column 2"), (b"\x80\x00", "binary"), (b"[" * 100_000, "nested too deeply")],
)
def test_bad_json_is_one_line(tmp_path, content, rule):
    path = tmp_path / "g.json"
    path.write_bytes(content)
    with pytest.raises(ScansearchError, match=rule) as caught:
        read_json(path, "genotype")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_missing_and_huge(tmp_path, monkeypatch):
    with pytest.raises(ScansearchError, match="no such file"):
        read_json(tmp_path / "none.json", "genotype")
    path = tmp_path / "big.json"
    path.write_text(json.dumps(list(range(1000))))
    monkeypatch.setattr("scansearch.files.MAX_JSON_BYTES", 100)
    with pytest.raises(ScansearchError, match="at most"):
        read_json(path, "genotype")
