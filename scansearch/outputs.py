"""Files made from a source, such as a genotype: what they are called, and that they replace nothing of another's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from scansearch.errors import RunFolderError
from scansearch.files import write_bytes, writing

LONGEST_STEM = 120  # bytes: with what follows it must stay a file name


def stem_for_files(title: str) -> str:
    """What files made from a source of this title begin with: letters, digits, ``_``, ``+`` and ``-`` only."""
    stem = re.sub(r"[^\w+-]", "-", title).strip("-")
    return stem.encode()[:LONGEST_STEM].decode(errors="ignore") or "unnamed"


def place(files: Mapping[str, bytes], folder: Path, *, source: str = "", overwrite: bool = False) -> list[Path]:
    """Writes files into a folder.

    Args:
        files: Contents by name.
        folder: Made if need be.
        source: Title of what they were made from, which names that do not have it then begin with; a folder that belongs to one
            source alone needs none.
        overwrite: Replace files that hold something else.

    Returns:
        The files written.

    Raises:
        RunFolderError: If a file that holds something else has one of the names (nothing is written then), or the disk refuses.
    """
    stem = stem_for_files(source) if source else ""
    paths = [folder / (name if not stem or _has(name, stem) else f"{stem}-{name}") for name in files]
    contents = list(files.values())
    for path, content in zip(paths, contents, strict=True):
        if not overwrite and _differs(path, content):
            raise RunFolderError(
                f"{path} exists and holds something else; choose another folder with --out, or add --overwrite"
            )
    for path, content in zip(paths, contents, strict=True):
        write_bytes(path, content)
    return paths


def _has(name: str, stem: str) -> bool:
    """Whether a name has the stem already, as words of it."""
    return _words(stem) in _words(Path(name).stem)


def _words(text: str) -> str:
    return f"_{re.sub(r'[^a-z0-9]+', '_', text.lower()).strip('_')}_"


def _differs(path: Path, content: bytes) -> bool:
    with writing(path):
        if not path.exists():
            return path.is_symlink()  # one that leads nowhere
        return not path.is_file() or path.stat().st_size != len(content) or path.read_bytes() != content
