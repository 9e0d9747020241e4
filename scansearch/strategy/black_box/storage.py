"""Where a study is kept, as a run's settings name it: a file, a database without a password, or where to look for its URL."""

from __future__ import annotations

import os
from pathlib import Path

from scansearch.errors import ScansearchError
from scansearch.files import read_bytes
from scansearch.masking import passwords

MAX_URL_BYTES = 64 * 1024
VARIABLE, FILE, SQLITE = "env:", "file:", "sqlite:///"


def storage_setting(value: str) -> str:
    """The setting as it is kept: files by their absolute path, so that a resume from another folder finds them.

    Raises:
        ScansearchError: If it holds a password, or names a variable or a file that is not there.
    """
    if value.startswith(FILE):
        value = FILE + str(Path(value.removeprefix(FILE)).absolute())
    if value.startswith((VARIABLE, FILE)):
        resolved(value)
        return value
    if passwords(value):
        raise ScansearchError(
            "storage must hold no password, for settings are written to the run folder; put the URL into an environment variable or "
            "a file that only you can read, and give --set storage=env:NAME or --set storage=file:PATH"
        )
    return _absolute(value)


def resolved(value: str) -> str:
    """The URL or file that a setting names, ``env:NAME`` and ``file:PATH`` looked up. It may hold a password: never print it.

    Raises:
        ScansearchError: If the variable or the file is not there.
    """
    if value.startswith(VARIABLE):
        name = value.removeprefix(VARIABLE)
        found = os.environ.get(name, "").strip()
        place = f"the environment variable {name!r}, which is not set; export {name}=URL"
    elif value.startswith(FILE):
        path = Path(value.removeprefix(FILE))
        try:
            found = read_bytes(path, "file with a storage's URL", MAX_URL_BYTES).decode().strip()
        except UnicodeDecodeError as error:
            raise ScansearchError(f"{path}: a file with a storage's URL is text in UTF-8, but this is not") from error
        place = f"the file {path}, which is empty; write it there, in one line"
    else:
        return value
    if not found:
        raise ScansearchError(f"the storage's URL is to be read from {place}, and start or resume again")
    return _absolute(found)


def _absolute(value: str) -> str:
    if value and "://" not in value:
        return str(Path(value).absolute())
    path = value.removeprefix(SQLITE)
    if value.startswith(SQLITE) and path not in ("", ":memory:"):
        return SQLITE + str(Path(path).absolute())
    return value
