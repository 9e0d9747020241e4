"""How large a network may be: every number has a bound, so that a mistyped one is an error and not an hour of waiting."""

from __future__ import annotations

from scansearch.errors import ScansearchError

MAX_TOKENS = 2**20
MAX_PARAMETERS = 10**10


def check_tokens(grid: tuple[int, int]) -> None:
    """Checks that a layer's grid has at most ``MAX_TOKENS`` tokens.

    Raises:
        ScansearchError: If it has more.
    """
    if grid[0] * grid[1] > MAX_TOKENS:
        raise ScansearchError(
            f"a layer scans at most {MAX_TOKENS} tokens, but a grid of {grid[0]} x {grid[1]} has {grid[0] * grid[1]}; take a "
            "larger patch_size or smaller images"
        )


def check_parameters(name: str, count: int) -> None:
    """Checks that a network has at most ``MAX_PARAMETERS`` parameters, before memory is asked for them.

    Raises:
        ScansearchError: If it has more.
    """
    if count > MAX_PARAMETERS:
        raise ScansearchError(
            f"a network has at most {MAX_PARAMETERS:.0e} parameters, but {name} would have {count:.1e}; take fewer directions "
            "or layers, or a smaller width"
        )
