"""Lists of directions as they come in files: checked, with problems that pydantic can place."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from scansearch.errors import ScansearchError
from scansearch.scans import ScanOrder
from scansearch.scans.family import MAX_TOKENS

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
MOST_CANDIDATES = 1000
MOST_LAYERS = 1000
MOST_SIDE = MAX_TOKENS  # of a grid or an image


def at_most(most: int, what: str) -> BeforeValidator:
    """A validator that refuses a list of more than ``most`` entries before any of them is looked at."""

    def check(value: object) -> object:
        if isinstance(value, (list, tuple, dict)) and len(value) > most:
            raise ValueError(f"at most {most:,} {what} are read, but there are {len(value):,}")
        return value

    return BeforeValidator(check)


def check_directions(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns ``names`` if every one is a scan order and none comes twice; for use in pydantic validators.

    Raises:
        ValueError: Naming the first offender. Pydantic joins only this kind of error with the place where it happened.
    """
    if not names:  # not by min_length, which pydantic reports as a second problem whenever an item is wrong
        raise ValueError("at least one direction must be listed")
    seen: dict[str, str] = {}
    for name in names:
        try:
            canonical = ScanOrder(name).canonical
        except ScansearchError as error:
            raise ValueError(str(error)) from error
        if name in seen.values():
            raise ValueError(f"a direction may be listed once, but {name!r} comes twice")
        if canonical in seen:
            raise ValueError(
                f"a direction may be listed once, but {seen[canonical]!r} and {name!r} are the same; keep one"
            )
        seen[canonical] = name
    return names


Directions = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    Field(json_schema_extra={"minItems": 1, "maxItems": MOST_CANDIDATES, "uniqueItems": True}),
    AfterValidator(check_directions),
    at_most(MOST_CANDIDATES, "directions"),
]
"""One to 1,000 scan orders, each known, none twice."""
Side = Annotated[int, Field(ge=1, le=MOST_SIDE, strict=True)]
"""Rows or columns of a grid, or pixels of an image's side."""
