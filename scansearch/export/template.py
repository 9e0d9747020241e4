"""Python text from a template, in which whatever is exported is data: a value is written as its ``repr``, never as code.

The templates lie in ``templates/`` of a package. What is not a value there says so: ``| identifier`` for a name in code,
``| comment`` for words in a comment. Both are checked, so that a genotype from anywhere cannot put a line of its own into a file.
"""

from __future__ import annotations

import keyword
from functools import cache
from typing import TYPE_CHECKING, Any

from scansearch.errors import UnsupportedError
from scansearch.text import one_line

if TYPE_CHECKING:
    from jinja2 import Environment


class _Text(str):
    """Text that was checked, and stands in a file as it is."""


def python_text(package: str, template: str, **values: Any) -> str:
    """Fills in a template.

    Args:
        package: Package whose folder ``templates`` has it.
        template: Its file name.
        values: What it names; all of them data.

    Raises:
        UnsupportedError: If what must be an identifier is none.
    """
    return _environment(package).get_template(template).render(values)


@cache
def _environment(package: str) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, _Text) else repr(value),
        autoescape=False,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"identifier": _identifier, "comment": _comment}
    return made


def _identifier(name: str) -> _Text:
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name):
        raise UnsupportedError(
            f"a name in exported code must be an identifier, but got {name!r:.100}; rename the model"
        )
    return _Text(name)


def _comment(words: str) -> _Text:
    return _Text(one_line(words))
