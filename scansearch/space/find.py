"""Finds a space by name, by file, or as it is."""

from __future__ import annotations

from pathlib import Path

from scansearch.errors import ScansearchError
from scansearch.registry import SEARCH_SPACES
from scansearch.space.search_space import SearchSpace


def find_space(space: str | Path | SearchSpace) -> SearchSpace:
    """A space by registered name, or from a JSON or TOML file; a space is returned as it is.

    Raises:
        ScansearchError: If it is none of these, unknown, or its file is wrong.
    """
    if isinstance(space, SearchSpace):
        return space
    if not isinstance(space, (str, Path)):
        raise ScansearchError(f"a space is a name, a file or a SearchSpace, but got {space!r}")
    space = str(space)
    if space.endswith((".json", ".toml")):
        return SearchSpace.load(space)
    found: SearchSpace = SEARCH_SPACES.get(space)
    return found
