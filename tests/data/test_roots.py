from __future__ import annotations

import os
from pathlib import Path

import pytest

from scansearch.data.roots import check_root, list_folder
from scansearch.errors import ScansearchError


def test_a_good_root(tmp_path: Path) -> None:
    for name in ("b", "a", ".hidden", "__MACOSX"):
        (tmp_path / name).touch()
    assert check_root(tmp_path, "data") == tmp_path
    assert [path.name for path in list_folder(tmp_path)] == ["a", "b"]


def test_no_name(tmp_path: Path) -> None:
    with pytest.raises(ScansearchError, match=r"must be the name of a folder, but got '.*\\x00b'"):
        check_root(tmp_path / "a\0b", "data")


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ScansearchError, match="is a file"):
        check_root(tmp_path / "file", "data")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # chmod would not stop a test that runs as root.
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ScansearchError, match="cannot be read: Permission denied"):
        check_root(tmp_path, "data")
