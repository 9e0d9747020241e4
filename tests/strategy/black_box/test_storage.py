"""How a run names the storage of its study."""

import os

import pytest

from scansearch.errors import ScansearchError
from scansearch.strategy.black_box.opening import opened
from scansearch.strategy.black_box.storage import resolved, storage_setting

URL = "postgresql://me:hunter2@host/db"


@pytest.mark.parametrize(
    "value", [URL, "redis://:hunter2@host", "mysql://host/db?password=hunter2", "postgresql://me:hunter2%40@host/db"]
)
def test_a_password_is_refused_and_not_repeated(value):
    with pytest.raises(ScansearchError, match="storage must hold no password.*storage=env:NAME or") as caught:
        storage_setting(value)
    assert "hunter2" not in str(caught.value)


def test_a_variable_or_a_file_may_hold_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDY_URL", f" {URL}\n")
    (tmp_path / "url").write_text(f"{URL}\n")
    assert storage_setting("env:STUDY_URL") == "env:STUDY_URL"
    assert storage_setting("file:url") == f"file:{tmp_path}/url"
    assert resolved("env:STUDY_URL") == resolved(f"file:{tmp_path}/url") == URL


def test_what_is_missing_is_asked_for_in_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv("STUDY_URL", raising=False)
    with pytest.raises(
        ScansearchError, match="variable 'STUDY_URL', which is not set; export STUDY_URL=URL, and start or"
    ):
        storage_setting("env:STUDY_URL")
    with pytest.raises(ScansearchError, match="url: cannot read this file with a storage's URL: "):
        storage_setting(f"file:{tmp_path}/url")
    (tmp_path / "url").write_text("\n")
    with pytest.raises(ScansearchError, match="url, which is empty"):
        storage_setting(f"file:{tmp_path}/url")


@pytest.mark.parametrize(("given", "kept"), [("study.log", "{}/study.log"), ("sqlite:///a.db", "sqlite:///{}/a.db")])
def test_a_file_is_found_from_everywhere(given, kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDY_URL", given)
    assert storage_setting(given) == resolved("env:STUDY_URL") == kept.format(tmp_path)
    for same in ("", "sqlite:///:memory:", "postgresql://me@host/name", f"sqlite:///{tmp_path}/a.db"):
        assert storage_setting(same) == same


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_what_is_no_file_is_not_waited_for(tmp_path, make):
    make(tmp_path / "url")
    with pytest.raises(ScansearchError, match="cannot read this file with a storage's URL: "):
        resolved(f"file:{tmp_path / 'url'}")
    with pytest.raises(ScansearchError, match="is no file, so no journal of Optuna"):
        opened(str(tmp_path / "url"), lambda study, trial: None)


def test_a_file_without_end_is_refused(tmp_path):
    (tmp_path / "url").write_bytes(b"x" * (1 << 17))
    with pytest.raises(ScansearchError, match="a file with a storage's URL is at most"):
        resolved(f"file:{tmp_path / 'url'}")
