"""The file operations of this process below some folder, as they happen: counted, or ended by a kill at one of them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod", "os.link", "os.symlink"}


def watch(told: Callable[[str, str], None]) -> None:
    """From now on ``told(operation, path)`` is called before every operation that changes a file or folder, and every fsync.

    It lasts as long as the process does: for forked children.
    """

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES:
            told(event, _path(arguments[1 if event in ("os.rename", "os.link", "os.symlink") else 0]))
        elif event == "open" and _writes(arguments[1], arguments[2]):
            told(event, _path(arguments[0]))

    sys.addaudithook(heard)
    wait = os.fsync

    def fsync(handle: int) -> None:
        told("fsync", _path(handle))
        wait(handle)

    os.fsync = fsync


def _writes(mode: str | None, flags: int) -> bool:
    return any(letter in (mode or "") for letter in "wax+") or bool(flags & (os.O_WRONLY | os.O_RDWR))


def _path(target: Any) -> str:
    if isinstance(target, int):
        return os.readlink(f"/proc/self/fd/{target}")
    return os.path.abspath(os.fsdecode(target))


class Killer:
    """Kills this process before its n-th file operation below ``folder``.

    Args:
        folder: Where operations count.
        moment: n, from 1; 0 only counts.
        torn: At an fsync, first cuts what was just written in half: what a power cut leaves.
    """

    def __init__(self, folder: Path, moment: int, *, torn: bool = False) -> None:
        self.below, self.moment, self.torn = str(folder), moment, torn
        self.count = 0
        self.before: dict[str, int] = {}

    def __call__(self, operation: str, path: str) -> None:
        """Counts, and kills if it is time."""
        if not path.startswith(self.below):
            return
        if operation == "open":
            self.before[path] = os.path.getsize(path) if os.path.isfile(path) else 0
        self.count += 1
        if self.count == self.moment:
            if self.torn and operation == "fsync" and os.path.isfile(path):
                os.truncate(path, (self.before.get(path, 0) + os.path.getsize(path)) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
