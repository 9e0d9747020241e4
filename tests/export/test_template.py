"""Whatever is filled into a template is data: quoted, or refused where it should be a name."""

from __future__ import annotations

import ast

import pytest
from jinja2 import UndefinedError

from scansearch.errors import ScansearchError
from scansearch.export.template import _environment, python_text

HOSTILE = ["'; import os #", '"""', "a\nimport os", "{{ 1 }}", "\\", "a\u2028b", {"a": ["'"]}, None, 1.5, ["x", "y"]]


def filled(template, **values):
    return _environment("scansearch.export").from_string(template).render(values)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_value_comes_back_as_it_was(value):
    assert ast.literal_eval(filled("{{ value }}", value=value)) == value


@pytest.mark.parametrize("words", [value for value in HOSTILE if isinstance(value, str)], ids=range(6))
def test_words_in_a_comment_stay_in_it(words):
    assert ast.parse(filled("# {{ words | comment }}", words=words)).body == []


@pytest.mark.parametrize("name", ["a b", "class", "1x", "", "x;y", "ⅷ"])
def test_what_is_no_identifier_is_refused(name):
    with pytest.raises(ScansearchError, match="must be an identifier") as caught:
        filled("{{ name | identifier }}", name=name)
    assert "\n" not in str(caught.value)


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(UndefinedError):
        python_text("scansearch.export", "local_vmamba.py.jinja", name="x")
