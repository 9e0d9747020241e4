"""What the suites say when something does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scansearch.errors import ScansearchError


class CapabilityError(AssertionError):
    """A requirement that does not hold.

    Args:
        capability: What is missing with it.
        problem: What does not hold, in one line.
    """

    def __init__(self, capability: str, problem: str) -> None:
        super().__init__(problem)
        self.capability = capability


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


@contextmanager
def happening(what: str) -> Iterator[None]:
    """Whatever fails within becomes an ``AssertionError`` of one line that begins with what happened."""
    try:
        yield
    except Exception as error:  # a plug-in is somebody else's code: anything can happen
        raise AssertionError(f"{what}: {in_one_line(error)}") from error


def in_one_line(error: Exception) -> str:
    """What an error says first; its kind, too, unless it is one that says enough."""
    kind = "" if isinstance(error, (AssertionError, ScansearchError)) else f"{type(error).__name__}: "
    return f"{kind}{(str(error).splitlines() or [''])[0]}"


def one_line(text: object) -> bool:
    """Whether it is text of one line that says something."""
    return isinstance(text, str) and len(text.splitlines()) == 1 and text == text.strip()
