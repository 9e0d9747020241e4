"""Arguments of the Python interface: of the types that a signature names, or refused in one line."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Sequence
from functools import cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from scansearch.errors import ScansearchError
from scansearch.text import brief

P = ParamSpec("P")
R = TypeVar("R")
NAMES = {
    str: "text",
    int: "an integer",
    bool: "True or False",
    type(None): "None",
    Path: "a path",
    Sequence: "a sequence",
}


def typed(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function refuse an argument whose type its signature does not name.

    Only the outermost type counts, and nothing is converted: pydantic's ``validate_call`` would read a genotype where a path
    belongs. True is no integer, and text is no sequence.

    Raises:
        ScansearchError: On a call with such an argument, naming it, what it takes, and the value.

    Examples:
        >>> @typed
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> double("2")
        Traceback (most recent call last):
        scansearch.errors.ScansearchError: double takes an integer as number, but got '2'
    """
    signature = inspect.signature(function)

    @cache  # a type may be of a module that is imported after this one
    def kinds() -> dict[str, tuple[type, ...]]:
        named = {name: hint for name, hint in function.__annotations__.items() if name != "return"}
        hints = get_type_hints(types.SimpleNamespace(__annotations__=named), function.__globals__)
        variable = {name for name, taken in signature.parameters.items() if taken.kind is taken.VAR_KEYWORD}
        return {name: _kinds(hint) for name, hint in hints.items() if hint is not Any and name not in variable}

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name in kinds() and not _is(value, kinds()[name]):
                known = " or ".join(NAMES.get(kind, f"a {kind.__name__}") for kind in kinds()[name])
                raise ScansearchError(f"{function.__qualname__} takes {known} as {name}, but got {brief(value)}")
        return function(*args, **kwargs)

    return wrapper


def _kinds(hint: Any) -> tuple[type, ...]:
    """``str | Path | None`` as the classes it names; of ``Sequence[str]``, the outer one."""
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return tuple(get_origin(part) or part for part in parts)


def _is(value: object, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, (bool, str, bytes)):
        return any(kind in kinds for kind in (bool, str) if isinstance(value, kind))
    return isinstance(value, kinds)
