"""What is being written under a temporary name, and what a process that was killed has left of it.

Whoever writes such a file or folder holds its lock, which goes with the process: what nobody holds is a left-over.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FILE = re.compile(r"\..+\.scansearch-[a-z0-9_]{8}\.tmp")
_DRAFT = re.compile(r"\.scansearch-[a-z0-9_]{8}\.tmp")
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
UNFINISHED: set[str] = set()
"""Those of this process: one that leaves on the spot takes them away."""


@contextmanager
def temporary_file(path: Path) -> Iterator[tuple[int, str]]:
    """A new file beside ``path``, open for writing, and its name; it goes if the block fails.

    What was left of earlier ones for the same path goes, too.

    Raises:
        OSError: If none can be made.
    """
    remove_left_overs(path.parent, path.name)
    handle, name = _held(partial(tempfile.mkstemp, dir=path.parent, prefix=f".{path.name}.scansearch-", suffix=".tmp"))
    UNFINISHED.add(name)
    try:
        yield handle, name
    except BaseException:
        os.unlink(name)
        raise
    finally:
        UNFINISHED.discard(name)
        os.close(handle)


@contextmanager
def draft_folder() -> Iterator[Path]:
    """A temporary folder, which is gone when the block ends, or a signal ends the process; after a kill, the next one removes it."""
    for left in Path(tempfile.gettempdir()).glob(".scansearch-*.tmp"):
        if _DRAFT.fullmatch(left.name) and left.is_dir() and not left.is_symlink():
            _remove_unless_held(left, os.O_RDONLY, partial(shutil.rmtree, ignore_errors=True))
    handle, name = _held(_new_draft)
    UNFINISHED.add(name)
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)
        UNFINISHED.discard(name)
        os.close(handle)


def remove_unfinished() -> None:
    """Removes what is being written just now, as a process does that leaves on the spot."""
    for name in UNFINISHED:
        shutil.rmtree(name, ignore_errors=True)  # does nothing to a file
        with suppress(OSError):
            os.unlink(name)


def remove_left_overs(folder: Path, name: str = "") -> None:
    """Removes the temporary files that kills have left in ``folder``; nothing else, and no folder.

    Args:
        folder: Where they are.
        name: Only those for the file of this name.
    """
    begins = f".{name}.scansearch-" if name else "."
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.startswith(begins) and is_temporary(path):
            _remove_unless_held(path, os.O_RDWR, partial(Path.unlink, missing_ok=True))


def is_temporary(path: Path) -> bool:
    """Whether a file is a temporary one, or was left by a kill."""
    return _FILE.fullmatch(path.name) is not None and path.is_file() and not path.is_symlink()


def _new_draft() -> tuple[int, str]:
    name = tempfile.mkdtemp(prefix=".scansearch-", suffix=".tmp")
    return os.open(name, os.O_RDONLY), name


def _held(new: Callable[[], tuple[int, str]]) -> tuple[int, str]:
    """What ``new`` makes and opens, locked as long as it is open."""
    while True:
        handle, name = new()
        with suppress(OSError):  # where there are no locks, nothing is taken for a left-over
            _lock(handle)
        if os.path.lexists(name):
            return handle, name
        os.close(handle)  # it was taken for one before it was locked


def _remove_unless_held(path: Path, flags: int, remove: Callable[[Path], None]) -> None:
    """Removes a temporary file or folder, unless a process that lives holds it or that cannot be known."""
    try:
        handle = os.open(path, flags | _NO_LINK)
    except OSError:
        return
    try:
        _lock(handle, wait=False)
    except OSError:
        return
    else:
        remove(path)
    finally:
        os.close(handle)


def _lock(handle: int, *, wait: bool = True) -> None:
    if fcntl is None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
