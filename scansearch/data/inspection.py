"""Every image file read once before a run: whether it can be decoded, what it holds, and its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from scansearch.data.image_file import DamagedImageError, pixels_of, read_file
from scansearch.data.inspection_cache import InspectionCache
from scansearch.data.threads import MOST_THREADS, each

BLOCK = 16 * MOST_THREADS
Found = TypeVar("Found", bound=tuple[Any, ...])


class Inspection(NamedTuple):
    """What was found in an image file.

    Args:
        data: SHA-256 (hexadecimal) of its bytes; empty if they cannot be read.
        pixels: SHA-256 of its pixels, whatever format and metadata they are stored with; empty if it is damaged.
        height: Rows, upright; 0 if it is damaged.
        width: Columns likewise.
        deep: Whether it is grey of 16 or 32 bits, or of signed numbers.
        damage: Why it cannot be used; empty if it can.
    """

    data: str
    pixels: str = ""
    height: int = 0
    width: int = 0
    deep: bool = False
    damage: str = ""


def inspect(
    root: Path, files: Sequence[str], progress: Callable[[int], None] = lambda done: None
) -> tuple[tuple[Inspection, ...], tuple[str, ...]]:
    """Reads, hashes and decodes files; see ``look_into``."""
    return look_into(root, files, Inspection, inspect_file, progress=progress)


def look_into(
    root: Path,
    files: Sequence[str],
    made: type[Found],
    look: Callable[[Path], Found],
    *,
    kind: str = "",
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    """Looks into files, in a few threads; those that did not change since are not read again.

    Args:
        root: Folder that ``files`` are relative to.
        files: Their paths.
        made: What is found in a file: a named tuple, whose first field is empty of a file that could not be read.
        look: Finds it.
        kind: Before the path in the memory: the same file may be something else to somebody else.
        progress: Called with the number of files done, now and then.

    Returns:
        One finding a file, and what the user should know, a line each.
    """
    cache = InspectionCache(root)
    found: list[Found] = []

    def find(file: str) -> Found:
        # What could not even be read may be readable tomorrow.
        return cache.remembered(f"{kind}{file}", root / file, made, look, lambda one: one[0])

    try:
        for start in range(0, len(files), BLOCK):
            found += each(find, files[start : start + BLOCK])
            progress(len(found))
    finally:  # an interrupted check goes on where it was
        notes = cache.save()
    return tuple(found), notes


def inspect_file(path: Path) -> Inspection:
    """Reads, hashes and decodes one file."""
    data = ""
    try:
        content = read_file(path)
        data = hashlib.sha256(content).hexdigest()
        pixels = np.ascontiguousarray(pixels_of(path, content))
    except DamagedImageError as error:
        return Inspection(data, damage=error.reason)
    height, width, _ = pixels.shape
    head = repr((pixels.shape, str(pixels.dtype))).encode()
    digest = hashlib.sha256(head)
    digest.update(pixels.data)
    return Inspection(data, digest.hexdigest(), height, width, pixels.dtype != np.uint8)
