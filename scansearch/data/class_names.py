"""Names of classes that are numbers in the data: lines of a file beside them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from scansearch.errors import ScansearchError
from scansearch.files import read_bytes
from scansearch.shape import MAX_CLASSES

CLASSES = "classes.txt"
MOST_BYTES = 16 * 1024 * 1024


def read_class_names(root: Path, count: int) -> tuple[str, ...]:
    """The names of classes 0, 1, ...: the lines of ``classes.txt`` in the data root that are not empty, or else the numbers.

    Args:
        root: The data root.
        count: How many classes the data have.

    Raises:
        ScansearchError: If there are more than a million, or the file is no text in UTF-8, has fewer names, or one twice.
    """
    if count > MAX_CLASSES:
        raise ScansearchError(
            f"{root} must have at most {MAX_CLASSES:,} classes, but has the class {count - 1:,}; number them 0, 1, ..."
        )
    path = root / CLASSES
    if not path.exists():
        return tuple(map(str, range(count)))
    try:
        lines = read_bytes(path, "list of class names", MOST_BYTES).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ScansearchError(
            f"{path} must be text in UTF-8, but byte {error.start:,} is none; save it as UTF-8"
        ) from None
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) < count:
        raise ScansearchError(
            f"{path} must name every class, one a line, but has {len(names):,} names and the data {count:,} classes; add the others"
        )
    if twice := [name for name, lines_of in Counter(names).items() if lines_of > 1]:
        raise ScansearchError(
            f"{path} must give each class a name of its own, but {twice[0]!r} is there twice; rename one"
        )
    return names
