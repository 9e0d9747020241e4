"""What is printed is what stands in the files: no markup, no control characters, exact JSON."""

import json
from io import StringIO

import pytest

from scansearch.cli.console import complain, print_json, table
from scansearch.display.plain import PlainConsole, plain

HOSTILE = [
    "[hv]",
    "[/]",
    "[bold]",
    "[link=http://x]",
    "\x1b[31m",
    "a\rb",
    "\u202eb",
    "\ud800",
    ":smile:",
    "a\\",
    "\x9b2J",
]
DONE = {"\x1b", "\r", "\x9b", "\u202e", "\ud800"}


def printed(what):
    file = StringIO()
    PlainConsole(file=file, width=200, highlight=False, emoji=False).print(what)
    return file.getvalue()


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_among_markup_is_shown_as_it_is(value):
    shown = printed(f"[bold]{plain(value)}[/] is kept")
    assert shown == value.encode("unicode_escape").decode().replace("\\\\", "\\") + " is kept\n"


@pytest.mark.parametrize("value", HOSTILE)
def test_even_a_value_that_was_forgotten_does_nothing_to_a_terminal(value):
    assert not DONE & set(printed(f"name {value} of\na thing"))


@pytest.mark.parametrize("value", HOSTILE)
def test_a_cell_is_shown_as_it_is(value):
    shown = printed(table(("name", "what"), [(value, 3)], title="all"))
    assert value.encode("unicode_escape").decode().replace("\\\\", "\\") in shown
    assert not DONE & set(shown)


def test_an_error_is_one_line_that_does_nothing(capsys):
    complain("got [hv] \x1b[2J\nerror: forged \u202e", 2)
    assert capsys.readouterr().err == "error: got [hv] \\x1b[2J error: forged \\u202e\n"


@pytest.mark.parametrize("value", [*HOSTILE, "\x7f", "\u2028", "\U000e0001", "caf\u00e9"])
def test_json_is_exact_and_in_ascii(value, capsys):
    print_json({"name": value})
    text = capsys.readouterr().out
    assert json.loads(text) == {"name": value}
    assert text.replace("\n", "").isprintable()
    assert text.isascii()


def test_json_is_printed_by_the_first_process_alone(capsys, monkeypatch):
    monkeypatch.setattr("scansearch.cli.console.is_first", lambda: False)
    print_json({"a": 1})
    monkeypatch.undo()
    print_json({"b": 2})
    assert capsys.readouterr().out == '{\n  "b": 2\n}\n'
