"""Data roots: the folder a user points at, checked before anything is read."""

from __future__ import annotations

import os
from pathlib import Path

from scansearch.errors import ScansearchError

LITTER = {
    "__MACOSX",
    "@eaDir",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    "Thumbs.db",
    "desktop.ini",
}
"""What systems leave among one's own files; @eaDir holds small copies of images."""
ANOTHER = "give another --data-root, or mend root in [data] of the config.toml of a run that goes on"


def check_root(root: Path, name: str) -> Path:
    """Checks that a data root can be read and holds something.

    Args:
        root: What the user gave.
        name: Name of the data set, for the message.

    Returns:
        ``root``.

    Raises:
        ScansearchError: If it is missing, no folder, not readable or empty.
    """
    try:
        with os.scandir(root) as entries:
            empty = next(entries, None) is None
    except FileNotFoundError:
        raise ScansearchError(
            f"{name}: the data root must be an existing folder, but there is no {root.absolute()}; {ANOTHER}"
        ) from None
    except NotADirectoryError:
        raise ScansearchError(f"{name}: the data root must be a folder, but {root} is a file") from None
    except ValueError:  # a null character
        raise ScansearchError(f"{name}: the data root must be the name of a folder, but got {str(root)!r}") from None
    except OSError as error:
        raise ScansearchError(f"{name}: the data root {root} cannot be read: {error.strerror or error}") from None
    if empty:
        raise ScansearchError(f"{name}: the data root {root} is empty; put the data there, or {ANOTHER}")
    return root


def is_hidden(name: str) -> bool:
    """Whether a file or folder is no part of the data: hidden, or left by the system or an editor."""
    return name.startswith(".") or name in LITTER


def list_folder(folder: Path) -> list[Path]:
    """The visible entries of a folder, sorted by name.

    Raises:
        ScansearchError: If the folder cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if not is_hidden(path.name))
    except OSError as error:
        raise ScansearchError(f"the folder {folder} cannot be read: {error.strerror or error}") from None
