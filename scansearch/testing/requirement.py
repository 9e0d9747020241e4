"""What the suites say when something does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scansearch.errors import ScansearchError


def require(holds: bool, problem: str) -> None:
    """Raises ``AssertionError`` with the problem; unlike ``assert``, under ``python -O`` too."""
    if not holds:
        raise AssertionError(problem)


@contextmanager
def required(what: str) -> Iterator[None]:
    """Turns an error of scansearch within into a failed requirement."""
    try:
        yield
    except ScansearchError as error:
        raise AssertionError(f"{what}: {error}") from error


def one_line(text: object) -> bool:
    """Whether it is text of one line that says something."""
    return isinstance(text, str) and len(text.splitlines()) == 1 and text == text.strip()
