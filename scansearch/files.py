"""Reading and writing of small files: atomically, with limits, and with errors that a person can act on."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from reprlib import Repr
from typing import TYPE_CHECKING, Any

from scansearch.errors import RunFolderError, ScansearchError

if TYPE_CHECKING:
    from pydantic import ValidationError

_brief = Repr()  # looks at the first few entries of a list of a million
_brief.maxlist = _brief.maxtuple = _brief.maxdict = 20
_brief.maxstring = _brief.maxother = _brief.maxlong = 100
MAX_JSON_BYTES = 32 * 1024 * 1024


def write_bytes(path: Path, data: bytes) -> None:
    """Replaces ``path`` in one step: a reader, or a process that dies, sees the old file or the new one.

    Raises:
        RunFolderError: If the disk is full or cannot be written; ``path`` is then unchanged.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replaces ``path`` by UTF-8 ``text`` in one step; errors as ``write_bytes``."""
    write_bytes(path, text.encode())


def sync_folder(folder: Path) -> None:
    """Makes a rename inside ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns the operating system's refusal to write ``path`` into one line that says what to do."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunFolderError(
            f"cannot write {path}: {reason}; free space or choose another folder with --out"
        ) from error


def read_json(path: Path, what: str) -> Any:
    """Reads a JSON file of at most 32 MB.

    Raises:
        ScansearchError: If it is missing, huge, binary or not JSON; the message begins with the path.
    """
    try:
        size = path.stat().st_size
        if size > MAX_JSON_BYTES:
            raise ScansearchError(
                f"{path}: a {what} is at most {MAX_JSON_BYTES >> 20} MB of JSON, but this is {size >> 20} MB"
            )
        return json.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise ScansearchError(f"{path}: cannot read this {what}: {(error.strerror or str(error)).lower()}") from error
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


def parse_toml(text: str) -> dict[str, Any]:
    """Parses TOML.

    Raises:
        ValueError: If it is not TOML.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def read_toml(path: Path) -> dict[str, Any]:
    """Reads a TOML file.

    Raises:
        ScansearchError: In one line, if it is missing, binary or not TOML.
    """
    try:
        return parse_toml(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise ScansearchError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        raise ScansearchError(f"{path} is not TOML: {str(error).splitlines()[0].lower()}") from error


def first_problem(error: ValidationError) -> str:
    """The first problem of a failed validation, as one line with its place and value."""
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if isinstance(getattr(problem.get("ctx", {}).get("error"), "__cause__", None), ScansearchError):
        return f"{place + ': ' if place else ''}{message}"  # one of our own, which names the value itself
    given = _brief.repr(problem["input"])
    given = given if len(given) <= 60 else given[:57] + "..."
    more = f" (and {error.error_count() - 1} more problems)" if error.error_count() > 1 else ""
    return f"{place + ': ' if place else ''}{message[0].lower() + message[1:]}, got {given}{more}"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
