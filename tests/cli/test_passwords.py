"""A password is in no file of a run, in no message, and in no traceback."""

import sys

import pytest

URL = "postgresql://me:hunter2@host/db"


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_one_that_is_given_is_refused_before_anything_is_written(call, tiny, here, debug, monkeypatch):
    if debug:
        monkeypatch.setenv("SCANSEARCH_DEBUG", "1")
    result = call(*tiny, "--out", "run", "--strategy", "optuna_search", "--set", f"storage={URL}")
    assert result.status == 2
    assert "storage must hold no password" in result.err
    assert "hunter2" not in result.out + result.err
    assert not list(here.iterdir())


def test_one_in_a_file_of_settings_is_refused_too(refused, tiny, here):
    (here / "mine.toml").write_text(f'[strategy]\nstorage = "{URL}"\n')
    line = refused(*tiny, "--out", "run", "--strategy", "optuna_search", "--config", "mine.toml")
    assert "storage must hold no password" in line
    assert "hunter2" not in line
    assert not (here / "run").exists()


@pytest.mark.parametrize("debug", [[], ["--debug"]])
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+nothing://me:hunter2@host/db",
        "sqlite:///{}/nowhere/study.db?password=hunter2",
        "postgresql://me:x:hunter2@:y/db",
        "postgresql://me:x@y:hunter2@host/db",  # whose parser quotes a piece of it, as the port
    ],
)
def test_errors_of_a_storage_do_not_tell_it(call, tiny, here, monkeypatch, debug, url):
    monkeypatch.setenv("STUDY_URL", url.format(here))
    if debug:
        monkeypatch.setenv("SCANSEARCH_DEBUG", "1")
    result = call(*tiny, "--out", "run", "--strategy", "optuna_search", "--set", "storage=env:STUDY_URL")
    assert result.status == 2
    assert "the study cannot be kept in 'env:STUDY_URL'" in result.err
    assert "hunter2" not in result.out + result.err
    assert not [path for path in here.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()]


def test_a_url_that_comes_from_a_variable_is_in_no_file_and_is_asked_for_again(call, refused, tiny, here, monkeypatch):
    (here / "hunter2").mkdir()  # the whole URL counts as secret
    monkeypatch.setenv("STUDY_URL", f"sqlite:///{here}/hunter2/study.db")
    arguments = ["--strategy", "optuna_search", "--set", "trials=2", "--set", "storage=env:STUDY_URL"]
    result = call(*tiny, *arguments, "--epochs", "1", "--out", "run")
    assert result.status == 0, result.err
    files = [path for path in (here / "run").rglob("*") if path.is_file()]
    assert {"config.toml", "genotype.json", "environment.json", "log.txt"} <= {path.name for path in files}
    assert not [path for path in files if b"hunter2" in path.read_bytes()]
    (here / "run" / "genotype.json").unlink()
    monkeypatch.delenv("STUDY_URL")
    assert "the environment variable 'STUDY_URL', which is not set; export STUDY_URL=URL" in refused("resume", "run")
    monkeypatch.setenv("STUDY_URL", f"sqlite:///{here}/hunter2/study.db")
    assert call("resume", "run").status == 0


def test_the_recorded_command_and_the_log_mask_what_others_take(monkeypatch, tmp_path):
    from scansearch.machine.environment import command
    from scansearch.training.events import Silent
    from scansearch.training.log import Logged

    monkeypatch.setattr(sys, "argv", ["scansearch", "run", "--data-root", "https://me:hunter2@host/images.npz"])
    assert command() == "scansearch run --data-root 'https://me:***@host/images.npz'"
    Logged(Silent(), tmp_path / "log.txt").warned(f"what is at {URL} is gone")
    assert (tmp_path / "log.txt").read_text().endswith("what is at postgresql://me:***@host/db is gone\n")


def test_a_message_masks_what_others_take(refused, tiny, here):
    line = refused(*tiny, "--data", "imagefolder", "--data-root", "https://me:hunter2@host/images", "--out", "run")
    assert "https:/me:***@host/images" in line
    assert "hunter2" not in line
