import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scansearch.errors import RunFolderError, ScansearchError
from scansearch.text import LONGEST_MESSAGE, cut, is_file_name, one_line, visible


@given(st.text())
def test_whatever_is_shown_is_printable_and_what_was_printable_is_unchanged(text):
    assert visible(text).isprintable()
    assert one_line(text).isprintable()
    assert visible(text) == text or not text.isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb", "a\\rb"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\ud800", "\\ud800"),
        ("caf\u00e9 \u91d1", "caf\u00e9 \u91d1"),
    ],
)
def test_control_characters_are_shown_as_escapes(text, shown):
    assert visible(text) == shown


@given(st.text(), st.integers(10, 40))
def test_a_cut_text_keeps_its_two_ends(text, longest):
    shorter = cut(text, longest)
    assert shorter == text or (len(text) > longest and shorter.startswith(text[:5]) and shorter.endswith(text[-3:]))
    assert len(shorter) <= longest + 60


@given(st.text(st.characters(codec="ascii"), max_size=120))
def test_a_file_name_names_one_thing_in_its_folder(name):
    allowed = bool(name) and set(name) <= set(string.ascii_letters + string.digits + "._-") and len(name) <= 100
    reserved = name.partition(".")[0].lower() in {"con", "prn", "aux", "nul"} or (
        name[:3].lower() in {"com", "lpt"} and name[3:4].isdigit() and name[4:5] in ("", ".")
    )
    assert is_file_name(name) == (allowed and name[0] not in ".-" and name[-1] != "." and not reserved)


@pytest.mark.parametrize(
    "name", ["../x", "/abs", "a/b", "a\\b", "", ".", "..", "COM1", "nul.txt", "caf\u00e9", "a\n", "-o"]
)
def test_what_is_no_file_name(name):
    assert not is_file_name(name)


@pytest.mark.parametrize("kind", [ScansearchError, RunFolderError])
def test_an_error_is_one_short_line_whatever_stands_in_it(kind):
    message = str(kind("a rule, but got " + "\x1b[2J\nerror: forged\r" * 1_000_000 + "; do this"))
    assert message.isprintable()
    assert len(message) < LONGEST_MESSAGE * 6
    assert message.startswith("a rule, but got ")
    assert message.endswith("; do this")
