"""Constraints of a search space: what the directions of one layer must have in common.

A constraint is data, so that it can stand in a JSON or TOML file::

    constraints = [
        {kind = "flip_pairs", least = 1},            # at least one direction together with its flip
        {kind = "count", of = ["w*"], least = 1},    # at least one window
        {kind = "count", of = ["*_flip"], most = 2}, # at most two that run backwards
    ]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scansearch.scans import distinct
from scansearch.scans.grammar import MAX_NAME
from scansearch.space.directions import at_most
from scansearch.space.paths import Rule

Size = tuple[int, int]
MOST_CONSTRAINTS = 16
MOST_PATTERNS = 100  # of one constraint


class _Constraint(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FlipPairs(_Constraint):
    """Some directions must be kept together with their flips."""

    kind: Literal["flip_pairs"]
    least: int = Field(1, ge=1, strict=True, description="Pairs of a direction and its flip that a layer keeps.")

    def rule(self, candidates: Sequence[str], grid: Size) -> Rule:
        """The rule for a layer's candidates; a flip is recognised by what it does on this grid."""
        flips = {name: f"{name}_flip" for name in candidates}
        found = distinct([*candidates, *flips.values()], *grid)
        place = {name: i for i, name in enumerate(candidates)}
        pairs = {(i, place.get(found[flips[name]])) for name, i in place.items()}
        return Rule(frozenset(frozenset({i, j}) for i, j in pairs if j is not None and i != j), self.least)

    def __str__(self) -> str:
        return f"at least {self.least} direction(s) together with the flip"


class Count(_Constraint):
    """A layer keeps at least, or at most, so many of certain directions."""

    kind: Literal["count"]
    of: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=MAX_NAME)], ...],
        at_most(MOST_PATTERNS, "directions or patterns"),
    ] = Field(
        description="Directions, or patterns such as 'w*' and '*_flip'.",
        json_schema_extra={"minItems": 1, "maxItems": MOST_PATTERNS},
    )
    least: int = Field(0, ge=0, strict=True, description="At least so many of them are kept.")
    most: int | None = Field(None, ge=0, strict=True, description="At most so many of them are kept.")

    @model_validator(mode="after")
    def _says_something(self) -> Count:
        if not self.of:
            raise ValueError("of must name at least one direction or pattern")
        if self.least == 0 and self.most is None:
            raise ValueError("a count needs least or most, for example least = 1")
        if self.most is not None and self.least > self.most:
            raise ValueError(f"least <= most must hold, but got least = {self.least} and most = {self.most}")
        return self

    def rule(self, candidates: Sequence[str], grid: Size) -> Rule:
        """The rule for a layer's candidates."""
        pattern = _any_of(self.of)
        named = [i for i, name in enumerate(candidates) if pattern.match(name)]
        return Rule(frozenset(frozenset({i}) for i in named), self.least, self.most)

    def __str__(self) -> str:
        bounds = [f"at least {self.least}"] if self.least else []
        bounds += [f"at most {self.most}"] if self.most is not None else []
        return f"{' and '.join(bounds)} of {', '.join(self.of)}"


@lru_cache(maxsize=MOST_CONSTRAINTS)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """One regular expression for names that one of the patterns matches: layers and candidates may be many."""
    return re.compile("|".join(map(translate, patterns)))


Constraint = Annotated[FlipPairs | Count, Field(discriminator="kind")]
