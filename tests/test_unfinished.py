"""What a kill has left is removed, and nothing else: not what a living process writes, nor what is not ours."""

from __future__ import annotations

import os
import signal
import tempfile

import pytest

from scansearch.files import write_text
from scansearch.unfinished import draft_folder, is_temporary, remove_left_overs, temporary_file

THEIRS = (".log.txt.swp", ".gitignore.backup1", ".metrics.csv.abcdefgh", ".x.scansearch-abcdefgh", ".DS_Store.tmp")


def killed_in(block):
    """Enters a block in a process that is killed there."""
    child = os.fork()
    if child == 0:
        with block:
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


@pytest.fixture
def left(tmp_path):
    """The temporary file of a process that was killed as it wrote ``metrics.csv``."""
    killed_in(temporary_file(tmp_path / "metrics.csv"))
    (path,) = tmp_path.iterdir()
    assert is_temporary(path)
    return path


def test_only_what_a_kill_has_left_is_removed(left, tmp_path):
    for name in THEIRS:
        (tmp_path / name).write_text("theirs")
    (tmp_path / ".y.scansearch-abcdefgh.tmp").mkdir()
    (tmp_path / ".z.scansearch-abcdefgh.tmp").symlink_to("elsewhere")
    remove_left_overs(tmp_path)
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {*THEIRS, ".y.scansearch-abcdefgh.tmp", ".z.scansearch-abcdefgh.tmp"}
    remove_left_overs(tmp_path / "none")


@pytest.mark.parametrize(("name", "goes"), [("metrics.csv", True), ("metrics", False), ("layers.csv", False)])
def test_the_next_who_writes_a_file_removes_what_was_left_of_it(name, goes, left, tmp_path):
    write_text(tmp_path / name, "whole")
    assert left.exists() != goes
    assert (tmp_path / name).read_text() == "whole"


def test_what_is_being_written_stays(tmp_path):
    path = tmp_path / "metrics.csv"
    with temporary_file(path) as (_, name):
        remove_left_overs(tmp_path)
        write_text(path, "another's")
        assert os.path.exists(name)
        os.replace(name, path)
    assert os.listdir(tmp_path) == ["metrics.csv"]


def test_what_was_taken_for_a_left_over_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    real, made = tempfile.mkstemp, []

    def taken_at_first(**where):
        handle, name = real(**where)
        made.append(name)
        if len(made) == 1:
            os.unlink(name)
        return handle, name

    monkeypatch.setattr("tempfile.mkstemp", taken_at_first)
    write_text(tmp_path / "x", "whole")
    assert len(made) == 2
    assert os.listdir(tmp_path) == ["x"]


def test_where_there_are_no_locks_nothing_is_removed(left, tmp_path, monkeypatch):
    monkeypatch.setattr("scansearch.unfinished.fcntl", None)
    write_text(tmp_path / "metrics.csv", "whole")
    assert left.exists()
    assert (tmp_path / "metrics.csv").read_text() == "whole"


def test_drafts_of_killed_processes_go_with_the_next_one(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "scansearch-mine").mkdir()
    killed_in(draft_folder())
    (old,) = tmp_path.glob(".*")
    (old / "x").write_text("half")
    with draft_folder() as draft:
        assert not old.exists()
        with draft_folder():
            assert draft.is_dir()
        (draft / "x").write_text("whole")
    assert os.listdir(tmp_path) == ["scansearch-mine"]
