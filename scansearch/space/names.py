"""Lists of directions as they come in files: checked, with problems that pydantic can place."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from scansearch.errors import ScansearchError
from scansearch.scans import ScanOrder

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


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
    Field(json_schema_extra={"minItems": 1, "uniqueItems": True}),
    AfterValidator(check_directions),
]
"""At least one scan order, each known, none twice."""
