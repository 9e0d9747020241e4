"""Nothing of a run lies, or is written, elsewhere; and nothing that is not the run's is thrown away."""

import os
import shutil

import pytest

from scansearch.errors import RunFolderError, ScansearchError
from scansearch.runs.checkpoint import checkpoints
from scansearch.runs.folder import FOLDERS, IN_PLACE, REPLACED, RunFolder
from scansearch.searching.assemble import resume, start
from scansearch.training.events import Silent


class Stop(Silent):
    """Dies after the fifth step."""

    def stepped(self, progress):
        if progress.step == 5:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def stopped(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.raises(KeyboardInterrupt):
        start(tiny(), folder, Stop())
    return folder


@pytest.fixture
def run(stopped, tmp_path):
    shutil.copytree(stopped, tmp_path / "run")
    return tmp_path / "run"


def snapshot(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink()}


def refusal(run, says):
    before = snapshot(run.parent)
    with pytest.raises(RunFolderError, match=says) as caught:
        resume(run)
    assert "\n" not in str(caught.value)
    assert snapshot(run.parent) == before


def symlink(ours, theirs):
    ours.symlink_to(theirs)


def hardlink(ours, theirs):
    ours.hardlink_to(theirs)


def pipe(ours, theirs):
    os.mkfifo(ours)


def folder(ours, theirs):
    ours.mkdir()


def dangling(ours, theirs):
    ours.symlink_to("nowhere")


LINKED = [(name, make) for name in IN_PLACE for make in (symlink, hardlink, pipe, folder, dangling)]
LINKED += [(name, make) for name in REPLACED for make in (symlink, pipe, folder)]


@pytest.mark.parametrize(("name", "make"), LINKED, ids=[f"{name}-{make.__name__}" for name, make in LINKED])
def test_a_member_that_is_no_file_of_its_own_is_refused(run, name, make):
    """A table, the log or the lock used to be written, or cut, behind its link."""
    theirs, ours = run.parent / "theirs.txt", run / name
    shutil.copy(ours, theirs) if ours.exists() else theirs.write_text("dear mother")
    before = theirs.read_bytes()
    ours.unlink(missing_ok=True)
    make(ours, theirs)
    if (name, make) in (("config.toml", pipe), ("config.toml", folder)):
        with pytest.raises(ScansearchError, match=r"config.toml: cannot read this TOML file"):
            resume(run)
    else:
        refusal(run, rf"{name} must be a file of th.* (itself|alone)")
    assert theirs.read_bytes() == before


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_is_a_link_is_refused(run, name):
    theirs = run.parent / "theirs"
    shutil.move(run / name, theirs) if (run / name).exists() else theirs.mkdir()
    (run / name).symlink_to(theirs)
    refusal(run, f"{name} must be a folder of the run itself")
    (run / name).unlink()
    (run / name).write_text("")
    refusal(run, f"{name} must be a folder of the run itself")


@pytest.mark.parametrize("name", ["environment.json", ".lock"])
def test_a_link_is_not_what_a_start_leaves_behind(tiny, tmp_path, name):
    (tmp_path / "theirs").write_text("dear mother")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(tmp_path / "theirs")
    with pytest.raises(RunFolderError, match="a run needs a new or empty folder"):
        start(tiny(), tmp_path / "run")
    assert (tmp_path / "theirs").read_text() == "dear mother"


def test_a_checkpoint_that_is_a_pipe_is_none(run):
    newest, *_ = checkpoints(run / "checkpoints")
    newest.unlink()
    os.mkfifo(newest)
    resume(run)
    assert (run / "genotype.json").exists()


def test_a_table_that_lost_its_rows_is_refused(run):
    header, _, rows = (run / "metrics.csv").read_bytes().partition(b"\n")
    assert rows
    (run / "metrics.csv").write_bytes(header + b"\n")
    refusal(run, r"metrics.csv is shorter than at the checkpoint \(\d+ bytes\); restore it")


THEIRS = (
    ".log.txt.swp",
    ".gitignore.backup1",
    "notes.txt",
    "checkpoints/.step-mine",
    "checkpoints/step-best.safetensors",
)
LEFT = tuple(
    f"{place}.{name}.scansearch-a1b2_3c4.tmp"
    for place, name in (
        ("", "metrics.csv"), ("checkpoints/", "step-000000004-0123456789abcdef.safetensors"), ("figures/", "alpha.png"),
        ("export/", "model.py"), ("front/", "1.json"),
    )
)  # fmt: skip


def test_resume_removes_what_a_kill_has_left_and_nothing_else(run):
    for name in (*THEIRS, *LEFT):
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text("x")
    (run / ".hidden.folder1").mkdir()
    resume(run)
    assert all((run / name).exists() for name in (*THEIRS, ".hidden.folder1"))
    assert not any((run / name).exists() for name in LEFT)


def test_resume_removes_the_checkpoint_that_the_last_save_was_killed_before_removing(tiny, tmp_path, monkeypatch):
    def killed(folder, newest):
        if newest.name.startswith("step-000000009"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("scansearch.runs.checkpoint.drop_old", killed)
        with pytest.raises(KeyboardInterrupt):
            start(tiny(), tmp_path / "run")
    assert len(checkpoints(tmp_path / "run" / "checkpoints")) > 2
    resume(tmp_path / "run")
    assert len(checkpoints(tmp_path / "run" / "checkpoints")) == 2


def test_a_start_that_fails_removes_only_what_it_wrote(tiny, tmp_path, monkeypatch):
    def fail(self):
        (tmp_path / "run" / "notes.txt").write_text("mine")
        (tmp_path / "run" / "checkpoints" / "mine").mkdir(parents=True)
        raise ScansearchError("no")

    monkeypatch.setattr("scansearch.searching.loop.SearchLoop.run", fail)
    with pytest.raises(ScansearchError, match="no"):
        start(tiny(), tmp_path / "run")
    there = {str(path.relative_to(tmp_path / "run")) for path in (tmp_path / "run").rglob("*")}
    assert there == {"notes.txt", "checkpoints", "checkpoints/mine"}


def test_a_folder_in_use_keeps_its_temporary_files(run):
    """They may be those of the process that has it."""
    (run / LEFT[0]).write_text("x")
    with RunFolder.open(run).locked():
        (run / LEFT[0]).write_text("x")
        with pytest.raises(RunFolderError, match="in use"):
            resume(run)
        assert (run / LEFT[0]).exists()


def test_a_misspelt_section_of_config_toml_is_named_with_its_file(run):
    file = run / "config.toml"
    file.write_text(file.read_text().replace("[machine]", "[machinee]"))
    with pytest.raises(ScansearchError, match=r"config.toml: unknown run setting 'machinee' \(did you mean 'machine'"):
        resume(run)


def test_an_empty_name_is_the_current_folder_and_no_other(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").touch()
    with pytest.raises(RunFolderError, match=r"a run needs a new or empty folder, but \. is not one"):
        start(tiny(), "")
    assert os.listdir() == ["mine"]
