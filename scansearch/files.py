"""Reading and writing of small files: atomically, with limits, and with errors that a person can act on."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from reprlib import Repr
from typing import TYPE_CHECKING, Any, BinaryIO

from scansearch.errors import RunFolderError, ScansearchError

if TYPE_CHECKING:
    from pydantic import ValidationError

_brief = Repr()  # looks at the first few entries of a list of a million
_brief.maxlist = _brief.maxtuple = _brief.maxdict = 20
_brief.maxstring = _brief.maxother = _brief.maxlong = 100
MAX_JSON_BYTES = 32 * 1024 * 1024
MAX_TOML_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1
# A pipe must not be waited for. Windows has neither flag, and translates line ends unless told otherwise.
_OPENING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_DOTTED = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*)""" + f"{{{MAX_DEPTH}}}")
_TEMPORARY = re.compile(r"\..+\.scansearch-[a-z0-9_]{8}\.tmp")
UNFINISHED: set[str] = set()
"""Files that are being written under a temporary name: a process that leaves on the spot takes them away."""


def write_bytes(path: Path, data: bytes) -> None:
    """Replaces ``path`` in one step: a reader, or a process that dies, sees the old file or the new one.

    Raises:
        RunFolderError: If the disk is full or cannot be written; ``path`` is then unchanged.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.scansearch-", suffix=".tmp")
        UNFINISHED.add(temporary)
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
        finally:
            UNFINISHED.discard(temporary)
        sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Replaces ``path`` by UTF-8 ``text`` in one step; errors as ``write_bytes``."""
    write_bytes(path, text.encode())


def remove_left_overs(folder: Path) -> None:
    """Removes the temporary files of ``write_bytes`` that a kill has left in ``folder``; nothing else, and no folder."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if is_temporary(path):
            path.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Whether a file is one that ``write_bytes`` leaves behind if it is killed."""
    return _TEMPORARY.fullmatch(path.name) is not None and path.is_file() and not path.is_symlink()


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
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "free some space, then resume the run or repeat the command" if full else "choose another folder"
        reason = (error.strerror or str(error)).lower()
        raise RunFolderError(f"cannot write {path}: {reason}; {remedy}") from error


def check_own(path: Path) -> None:
    """Checks a file that is written in place: what lies behind a link may be somebody else's.

    Raises:
        RunFolderError: If there is something at ``path`` that is not a file with this one name.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        kind = "a link" if stat.S_ISLNK(status.st_mode) else "none"
    elif status.st_nlink > 1:
        kind = "one with a second name (a hard link)"
    else:
        return
    raise RunFolderError(f"{path} must be a file of this folder alone, but it is {kind}; put a copy of the file there")


def own_folder(path: Path) -> Path:
    """The same path, where a run keeps its figures, say: behind a link would be somebody else's folder.

    Raises:
        RunFolderError: If there is something at ``path`` that is no folder itself.
    """
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise RunFolderError(f"{path} must be a folder of the run itself, not a link or a file; put a folder there")
    return path


def append_bytes(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Adds to a file, which is made if need be; with ``sync``, waits until it is on disk. Links are not followed.

    Raises:
        RunFolderError: If there is something else at ``path``, or the disk refuses.
    """
    with _own(path, os.O_APPEND | os.O_CREAT) as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def truncate(path: Path, size: int) -> None:
    """Cuts a file to its first ``size`` bytes; errors as ``append_bytes``."""
    with _own(path, 0) as file:
        file.truncate(size)
        os.fsync(file.fileno())


@contextmanager
def _own(path: Path, flags: int) -> Iterator[BinaryIO]:
    check_own(path)
    with writing(path), open_regular(path, os.O_WRONLY | _NO_LINK | flags) as file:
        yield file


def open_regular(path: Path, flags: int = os.O_RDONLY) -> BinaryIO:
    """Opens a file; a folder, a pipe or a device is refused at once.

    Args:
        path: The file.
        flags: As ``os.open`` takes them.

    Raises:
        OSError: If it is none, or the system refuses.
    """
    handle = os.open(path, flags | _OPENING, 0o666)
    try:
        _check_regular(handle, path)
        return os.fdopen(handle, "wb" if flags & os.O_WRONLY else "rb")
    except BaseException:
        os.close(handle)
        raise


def _check_regular(handle: int, path: Path) -> None:
    mode = os.fstat(handle).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device and not a file", str(path))


def read_bytes(path: Path, what: str, most: int, form: str = "") -> bytes:
    """Reads a file of at most ``most`` bytes.

    Args:
        path: The file.
        what: What it should be, for messages: ``"genotype"``.
        most: The limit.
        form: What it is written in, for messages: ``" of JSON"``.

    Raises:
        ScansearchError: If it is missing, larger, or no regular file; the message begins with the path.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > most:
                raise ScansearchError(f"{path}: a {what} is at most {_amount(most)}{form}, but this is {_amount(size)}")
            return file.read(size)
    except OSError as error:
        raise ScansearchError(f"{path}: cannot read this {what}: {(error.strerror or str(error)).lower()}") from error


def _amount(size: int) -> str:
    return f"{size >> 20:,} MB" if size >= 1 << 20 else f"{size:,} bytes"


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
        ScansearchError: If it is nested too deeply, or an integer is too large.
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
    return data


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
    given = _brief.repr(problem["input"])
    given = given if len(given) <= 60 else given[:57] + "..."
    more = f" (and {error.error_count() - 1} more problems)" if error.error_count() > 1 else ""
    return f"{place + ': ' if place else ''}{message[0].lower() + message[1:]}, got {given}{more}"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
