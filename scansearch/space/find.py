"""Finds a space by name, by file, or as it is."""

from __future__ import annotations

from scansearch.registry import SEARCH_SPACES
from scansearch.space.space import SearchSpace


def find_space(space: str | SearchSpace) -> SearchSpace:
    """A space by registered name, or from a JSON or TOML file; a space is returned as it is.

    Raises:
        ScansearchError: If it is none of these, or there is no such space or file.
    """
    if isinstance(space, SearchSpace):
        return space
    if isinstance(space, str) and space.endswith((".json", ".toml")):
        return SearchSpace.load(space)
    found: SearchSpace = SEARCH_SPACES.get(space)
    return found
