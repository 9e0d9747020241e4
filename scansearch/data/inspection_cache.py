"""What was found in the files of a folder, kept in the user's cache folder so that the next run need not look again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import PIL

from scansearch.errors import RunFolderError
from scansearch.files import check_file, write_bytes

MADE_BY = f"scansearch/images/2, pillow {PIL.__version__}"
"""Changes whenever the same bytes may give other findings."""
SETTLED_NS = 2 * 10**9
"""A file changed more recently than this may change again without changing its times: these have a resolution."""

Stamp = tuple[int, int, int]
T = TypeVar("T", bound=tuple[Any, ...])


def stamp_of(path: Path) -> Stamp | None:
    """Size, time of the last write and of the last change of any kind (ns); None of what is no file."""
    try:
        found = check_file(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/scansearch`` or ``~/.cache/scansearch``."""
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    return Path(chosen if os.path.isabs(chosen) else os.path.expanduser("~/.cache")) / "scansearch"


class InspectionCache:
    """Findings by file, each valid as long as size and times of the file stay.

    They lie in one file a folder, which carries its checksum; a damaged one is as good as none.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:32]
        self.path = cache_folder() / f"images-{name}"
        self._entries, self._changed, self._now = _load(self.path), False, time.time_ns()

    def get(self, file: str, stamp: Stamp | None) -> list[Any] | None:
        """What was found in a file, if it did not change since."""
        entry = self._entries.get(file)
        return entry[3:] if entry is not None and stamp is not None and tuple(entry[:3]) == stamp else None

    def put(self, file: str, stamp: Stamp | None, found: tuple[Any, ...]) -> None:
        """Keeps what was found in a file that had ``stamp`` before it was read."""
        if stamp is not None and max(stamp[1:]) < self._now - SETTLED_NS:
            self._entries[file] = [*stamp, *found]
            self._changed = True

    def remembered(
        self, key: str, path: Path, made: type[T], look: Callable[[Path], T], lasts: Callable[[T], Any] = bool
    ) -> T:
        """What was found in a file; it is looked for if the file changed since, and kept.

        Args:
            key: What it is kept by.
            path: The file.
            made: The kind of tuple that is found.
            look: Finds it.
            lasts: Whether it is worth keeping; by default if there is anything.
        """
        stamp = stamp_of(path)
        if (known := self.get(key, stamp)) is not None:
            return made(*known)
        found = look(path)
        if lasts(found):
            self.put(key, stamp, found)
        return found

    def save(self) -> tuple[str, ...]:
        """Writes the findings in one step; returns why that failed, if it did: the run goes on without."""
        if not self._changed:
            return ()
        body = json.dumps({"made_by": MADE_BY, "files": self._entries}).encode()
        try:
            write_bytes(self.path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        except RunFolderError as error:
            return (f"{str(error).partition(';')[0]}: the next run will check all images again",)
        return ()


def _load(path: Path) -> dict[str, list[Any]]:
    try:
        check_file(path)
        checksum, _, body = path.read_bytes().partition(b"\n")
    except OSError:
        return {}
    if hashlib.sha256(body).hexdigest().encode() != checksum:
        return {}
    content: dict[str, Any] = json.loads(body)
    return content["files"] if content["made_by"] == MADE_BY else {}
