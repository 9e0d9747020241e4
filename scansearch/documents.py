"""JSON and TOML documents: read with limits on size, depth and numbers, and with errors of one line that name the place."""

from __future__ import annotations

import json
import re
import sys
from datetime import date, time
from pathlib import Path
from reprlib import Repr
from typing import TYPE_CHECKING, Any, TypeVar

from scansearch.errors import ScansearchError
from scansearch.files import read_bytes
from scansearch.text import shortened

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound="BaseModel")

_brief = Repr()  # looks at the first few entries of a list of a million
_brief.maxlist = _brief.maxtuple = _brief.maxdict = 20
_brief.maxstring = _brief.maxother = _brief.maxlong = 100
MAX_JSON_BYTES = 32 * 1024 * 1024
MAX_TOML_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1
_DOTTED = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*)""" + f"{{{MAX_DEPTH}}}")


def check_document(data: object, source: str = "", form: str = "JSON") -> None:
    """Checks data of a document: nested at most 64 deep, integers of at most 64 bits, as printing and arithmetic need it.

    Args:
        data: Lists, dicts and what is in them.
        source: With what the message begins, ``"space.json: "``.
        form: What they were written in.

    Raises:
        ScansearchError: In one line.
    """
    level = [data]
    for _ in range(MAX_DEPTH):
        if any(map(_too_long, level)):
            place, bits = _first_too_long(data)
            raise ScansearchError(
                f"{source}{place}an integer has at most 64 bits, but this one has {bits}; make it smaller"
            )
        lists = [v if isinstance(v, (list, tuple)) else v.values() for v in level if isinstance(v, (list, tuple, dict))]
        level = [child for children in lists for child in children]
        if not level:
            return
    raise ScansearchError(f"{source}{form} nested at most {MAX_DEPTH} deep is read, but this is nested too deeply")


def checked(model: type[Model], data: object, source: str) -> Model:
    """A document as its model; every problem is one line that begins with ``source``.

    Args:
        model: The document's class, which raises a ScansearchError for what it refuses.
        data: What was read.
        source: Where it came from, ``"space.json"``.

    Raises:
        ScansearchError: If the data are beyond the limits of a document, or the model refuses them.
    """
    check_document(data, f"{source}: ")
    try:
        return model.model_validate(data)
    except ScansearchError as error:
        raise ScansearchError(f"{source}: {error}") from error


def _too_long(item: object) -> bool:
    return type(item) is int and not -MAX_INTEGER - 1 <= item <= MAX_INTEGER


def _first_too_long(data: Any) -> tuple[str, int]:
    """Where an integer is too long, as ``layers.1.stage: ``, and how many bits it has with its sign."""
    level = [("", data)]
    while True:
        for place, item in level:
            if _too_long(item):
                return f"{place}: " if place else "", item.bit_length() + 1
        entries = [
            (place, item.items() if isinstance(item, dict) else enumerate(item))
            for place, item in level
            if isinstance(item, (dict, list, tuple))
        ]
        level = [(f"{place}.{key}" if place else f"{key}", value) for place, pairs in entries for key, value in pairs]


def read_json(path: Path, what: str) -> Any:
    """Reads a JSON file of at most 32 MB.

    Raises:
        ScansearchError: If it is missing, huge, binary, not JSON or nested too deeply; the message begins with the path.
    """
    content = read_bytes(path, what, MAX_JSON_BYTES, " of JSON")
    try:
        data = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ScansearchError(f"{path}: a {what} is JSON text in UTF-8, but this is a binary file") from error
    except json.JSONDecodeError as error:
        raise ScansearchError(
            f"{path}: a {what} is JSON, but line {error.lineno} column {error.colno} is not: {error.msg.lower()}"
        ) from error
    except ValueError as error:  # integers of thousands of digits, which Python refuses
        raise ScansearchError(f"{path}: a {what} holds a number that is too long: {error}") from error
    except RecursionError as error:
        raise ScansearchError(
            f"{path}: a {what} is a shallow JSON document, but this one is nested too deeply"
        ) from error
    check_document(data, f"{path}: ")
    return data


def parse_toml(text: str) -> dict[str, Any]:
    """Parses TOML.

    Raises:
        ValueError: If it is not TOML.
        ScansearchError: If it is nested too deeply, an integer is too large, or there is a date or a time.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    too_deep = ScansearchError(f"TOML nested at most {MAX_DEPTH} deep is read, but this is nested too deeply")
    if _DOTTED.search(text):  # whose reading takes time with the square of their number
        raise too_deep
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise too_deep from error
    check_document(data, form="TOML")
    if found := _first_time(data):
        place, value = found
        raise ScansearchError(
            f"{place}: no date or time is read, but this is {value.isoformat()}; write text in quotes"
        )
    return data


def _first_time(data: Any, place: str = "") -> tuple[str, Any] | None:
    """The first date or time in TOML data, and where it is, as ``train.lr``."""
    if isinstance(data, (date, time)):
        return place, data
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    inside = (_first_time(value, f"{place}.{key}" if place else f"{key}") for key, value in entries)
    return next((found for found in inside if found), None)


def read_toml(path: Path) -> dict[str, Any]:
    """Reads a TOML file of at most 2 MB.

    Raises:
        ScansearchError: In one line, if it is missing, huge, binary, not TOML or nested too deeply.
    """
    content = read_bytes(path, "TOML file", MAX_TOML_BYTES)
    try:
        return parse_toml(content.decode("utf-8"))
    except ScansearchError as error:
        raise ScansearchError(f"{path}: {error}") from error
    except ValueError as error:
        raise ScansearchError(f"{path} is not TOML: {str(error).splitlines()[0].lower()}") from error


def first_problem(error: ValidationError) -> str:
    """The first problem of a failed validation, as one line with its place and value."""
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if isinstance(getattr(problem.get("ctx", {}).get("error"), "__cause__", None), ScansearchError):
        return f"{place + ': ' if place else ''}{message}"  # one of our own, which names the value itself
    if problem["type"] == "value_error" and not problem["loc"]:
        return message  # of several values together: it names them, and the whole input says no more
    given = shortened(_brief.repr(problem["input"]))
    more = f" (and {error.error_count() - 1} more problems)" if error.error_count() > 1 else ""
    return f"{place + ': ' if place else ''}{message[0].lower() + message[1:]}, got {given}{more}"
