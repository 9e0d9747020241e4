"""The help teaches, and reads well on 80 columns."""

from itertools import pairwise

import pytest

from scansearch.cli.main import PANELS, app
from scansearch.cli.run_options import DEFAULTS
from scansearch.cli.usage import unwrapped
from scansearch.runs.settings import TrainSettings

COMMANDS = [module.__name__.rpartition(".")[2] for modules in PANELS.values() for module in modules]


@pytest.fixture(autouse=True)
def eighty(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")


def prose(text):
    """The lines between the usage and the first box."""
    lines = text.partition("╭")[0].splitlines()
    return [line.strip() for line in lines if line.strip() and "Usage:" not in line]


@pytest.mark.parametrize("command", COMMANDS)
def test_paragraphs_fill_their_lines(call, command):
    text = call(command, "--help").out
    assert max(map(len, text.splitlines())) <= 80
    lines = [line for line in prose(text) if not line.startswith(("scansearch ", "Examples:"))]
    broken = [
        (line, after)
        for line, after in pairwise(lines)
        if not line.endswith((".", ":")) and len(line) + 1 + len(after.split()[0]) <= 60
    ]
    assert not broken


def test_examples_stand_on_lines_of_their_own(call):
    lines = prose(call("run", "--help").out)
    examples = lines[lines.index("Examples:") + 1 :]
    assert len(examples) == 4
    assert all(line.startswith("scansearch run --") for line in examples)


def test_defaults_are_shown(call):
    text = " ".join(call("run", "--help").out.replace("│", " ").split())
    train = TrainSettings()
    named = [value for name, value in DEFAULTS.items() if name != "data_root"]
    for default in (*named, train.epochs, train.batch_size, "runs/SPACE-STRATEGY-DATA"):
        shown = f"[default: ({default})]"
        assert shown in text


def test_without_a_command_the_help_is_shown(call):
    result = call()
    assert result.status == 0
    assert all(command in result.out for command in COMMANDS)
    assert "Start here" in result.out
    assert [c.name for c in app.registered_commands] == COMMANDS


def test_unwrapped_joins_paragraphs_and_spares_examples():
    assert unwrapped("one\ntwo\n\nthree\n  a\n  b") == "one two\n\nthree\n  a\n  b"


def test_the_first_help_says_where_to_begin(call):
    shown = " ".join(call("--help").out.split())
    assert "Start here: " in shown
    assert "run --space default8 --strategy darts" in shown
