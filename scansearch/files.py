"""Reading and writing of files: atomically, with limits, without following links, and with errors that a person can act on."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from scansearch.errors import RunFolderError, ScansearchError
from scansearch.unfinished import temporary_file

# A pipe must not be waited for. Windows has neither flag, and translates line ends unless told otherwise.
_OPENING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def write_bytes(path: Path, data: bytes | Iterable[bytes | memoryview]) -> None:
    """Replaces ``path`` in one step: a reader, or a process that dies, sees the old file or the new one.

    Args:
        path: The file.
        data: What it shall hold, whole or part after part.

    Raises:
        RunFolderError: If the disk is full or cannot be written; ``path`` is then unchanged.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(path) as (handle, temporary):
            with open(handle, "wb", closefd=False) as file:
                file.writelines([data] if isinstance(data, bytes) else data)
            os.fsync(handle)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
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
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = (
            "free some space, then resume the run or repeat the command"
            if full
            else "make it writable, or choose another folder"
        )
        reason = (error.strerror or str(error)).lower()
        raise RunFolderError(f"cannot write {path}: {reason}; {remedy}") from error


def check_writable(folder: Path) -> None:
    """Checks that files can be made in a folder, or the folder itself if it is not there; nothing is made.

    Raises:
        RunFolderError: If not.
    """
    with writing(folder):
        there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


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
        _check_regular(os.fstat(handle), path)
        return os.fdopen(handle, "wb" if flags & os.O_WRONLY else "rb")
    except BaseException:
        os.close(handle)
        raise


def check_file(path: Path) -> os.stat_result:
    """Checks that a path is a regular file, before a library opens it: a pipe would be waited for without end.

    Returns:
        What the operating system knows about it.

    Raises:
        OSError: If it is missing or something else.
    """
    return _check_regular(os.stat(path), path)


def _check_regular(found: os.stat_result, path: Path) -> os.stat_result:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "a device")
        raise OSError(errno.EINVAL, f"it is {kind}, no file", str(path))
    return found


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
