"""Commands are printed as they can be typed."""

import os
from pathlib import Path

import pytest

from scansearch.cli.next_steps import chance_command, judging
from scansearch.cli.program import program, runnable


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A program in ``.venv/bin`` of the working directory."""
    script = tmp_path / ".venv" / "bin" / "scansearch"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.defpath)
    return script


def test_the_path_that_was_typed(installed, monkeypatch):
    monkeypatch.setattr("sys.argv", [".venv/bin/scansearch"])
    assert runnable("go on with `scansearch resume x`") == "go on with `.venv/bin/scansearch resume x`"


@pytest.mark.parametrize("listing", ["spaces", "strategies", "models", "datasets"])
def test_the_next_command_of_a_listing(listing, call, installed, monkeypatch):
    monkeypatch.setattr("sys.argv", [".venv/bin/scansearch"])
    assert f"`.venv/bin/scansearch {listing} NAME" in call(listing).out


def test_the_command_that_compares_with_chance(finished, installed, monkeypatch):
    monkeypatch.setattr("sys.argv", [".venv/bin/scansearch"])
    assert chance_command(finished.path).startswith(".venv/bin/scansearch run --config ")


@pytest.mark.parametrize(
    ("settings", "judged", "words"),
    [
        ({"level": "joint"}, 0, ""),
        ({"judge": "supernet", "judge_epochs": 3}, 40, " --set samples=40"),
        ({"judge": "training", "judge_epochs": 2}, 9, " --set samples=9 --set judge=training --set judge_epochs=2"),
    ],
)
def test_chance_judges_as_many_genotypes_by_the_same_judge(settings, judged, words):
    assert chance_command(Path("run"), judging(settings, judged)).endswith(f" --out run-random{words}")


@pytest.mark.parametrize(
    ("folder", "other"),
    [("run", "run-random"), ("a/run", "a/run-random"), (".", "../run-random"), ("..", "../../a-random")],
)
def test_the_run_to_compare_with_lies_beside(folder, other, tmp_path, monkeypatch):
    (tmp_path / "a" / "run").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "run")
    command = chance_command(Path(folder))
    assert command.endswith(f" --out {other}")


def test_its_name_if_that_leads_there(installed, monkeypatch):
    monkeypatch.setattr("sys.argv", [str(installed)])
    monkeypatch.setenv("PATH", f"{installed.parent}{os.pathsep}{os.defpath}")
    assert program() == "scansearch"


def test_the_path_if_its_name_leads_to_another(installed, tmp_path, monkeypatch):
    other = tmp_path / "my other" / "scansearch"
    other.parent.mkdir()
    other.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(installed.parent))
    monkeypatch.setattr("sys.argv", [str(other)])
    assert program() == f"'{other}'"


def test_as_a_module(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/somewhere/scansearch/__main__.py", "run"])
    monkeypatch.setattr("sys.orig_argv", [".venv/bin/python", "-m", "scansearch", "run"])
    assert program() == ".venv/bin/python -m scansearch"


def test_under_another_programs_name(monkeypatch):
    monkeypatch.setattr("sys.argv", ["pytest"])
    assert program() == "scansearch"
