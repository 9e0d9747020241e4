"""Search spaces: which directions a layer may choose from, and how many it keeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler

from scansearch.errors import ScansearchError
from scansearch.files import first_problem, read_json, write_text
from scansearch.scans import ScanOrder, distinct

SPACE_SCHEMA: Literal["scansearch/space/1"] = "scansearch/space/1"
JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_DEPTH = 64


def check_directions(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns ``names`` if every one is a scan order and none comes twice; for use in pydantic validators.

    Raises:
        ValueError: Naming the first offender. Pydantic joins only this kind of error with the place where it happened.
    """
    if not names:  # not by min_length, which pydantic reports as a second problem whenever an item is wrong
        raise ValueError("at least one direction must be listed")
    for name in names:
        try:
            ScanOrder(name)
        except ScansearchError as error:
            raise ValueError(str(error)) from error
    twice = next((n for i, n in enumerate(names) if n in names[:i]), None)
    if twice is not None:
        raise ValueError(f"a direction may be listed once, but {twice!r} comes twice")
    return names


Directions = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    Field(json_schema_extra={"minItems": 1, "uniqueItems": True}),
    AfterValidator(check_directions),
]
"""At least one scan order, each known, none twice."""


def check_depth(data: object, source: str) -> None:
    """Checks that JSON data is not nested so deeply that printing or writing it would fail.

    Raises:
        ScansearchError: In one line that begins with ``source``.
    """
    level = [data]
    for _ in range(MAX_DEPTH):
        lists = [v if isinstance(v, (list, tuple)) else v.values() for v in level if isinstance(v, (list, tuple, dict))]
        level = [child for children in lists for child in children]
        if not level:
            return
    raise ScansearchError(f"{source}: JSON nested at most {MAX_DEPTH} deep is read, but this is nested too deeply")


@dataclass(frozen=True)
class LayerSpace:
    """What one layer chooses from.

    Args:
        grid: Rows and columns of the layer's tokens.
        candidates: Directions that differ from one another on this grid.
        keep: How many of them the layer keeps.
        merged: Directions of the space that are left out, each with the candidate it coincides with on this grid.
    """

    grid: tuple[int, int]
    candidates: tuple[str, ...]
    keep: int
    merged: dict[str, str]

    @property
    def size(self) -> int:
        """Number of choices: ``keep`` of the candidates, order aside."""
        return math.comb(len(self.candidates), self.keep)


class SearchSpace(BaseModel):
    """Candidates of every layer, and how many of them each layer keeps.

    Example:
        >>> space = SearchSpace(name="mine", candidates=("h", "v", "w2"), keep=2)
        >>> space.size([(8, 8)] * 4)
        81
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "$schema": JSON_SCHEMA_DIALECT,
            "$id": "urn:scansearch:space:1",
            "title": "scansearch search space, version 1",
            "description": "Candidates of every layer, and how many of them each layer keeps (at most all).",
        },
    )

    schema_: Literal["scansearch/space/1"] = Field(default=SPACE_SCHEMA, alias="schema")
    name: str = Field(min_length=1, description="Name of the space.")
    candidates: Directions = Field(description="Directions a layer may choose, in order.")
    keep: int = Field(ge=1, strict=True, description="How many directions a layer keeps.")
    description: str = Field("", description="One line for listings.")

    @model_validator(mode="after")
    def _keep_at_most_all(self) -> SearchSpace:
        if self.keep > len(self.candidates):
            raise ValueError(
                f"keep must be at most the number of candidates, but space {self.name!r} keeps {self.keep} of "
                f"{len(self.candidates)}; lower keep or add candidates"
            )
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_line(cls, data: Any, handler: ModelWrapValidatorHandler[SearchSpace]) -> SearchSpace:
        try:
            return handler(data)
        except ValidationError as error:
            raise ScansearchError(first_problem(error)) from error

    def with_keep(self, keep: int) -> SearchSpace:
        """The same candidates with another number to keep, checked."""
        return SearchSpace(name=self.name, candidates=self.candidates, keep=keep, description=self.description)

    def bind(self, grids: Sequence[tuple[int, int]]) -> tuple[LayerSpace, ...]:
        """The choices of each layer on its own grid; directions that coincide there are offered once.

        Args:
            grids: Rows and columns of the tokens of each layer.

        Raises:
            ScansearchError: If fewer distinct candidates than ``keep`` are left on some grid.
        """
        return tuple(self._bind_layer(number, grid) for number, grid in enumerate(grids))

    def _bind_layer(self, number: int, grid: tuple[int, int]) -> LayerSpace:
        first = distinct(self.candidates, *grid)
        kept = tuple(name for name in self.candidates if first[name] == name)
        merged = {name: target for name, target in first.items() if name != target}
        if len(kept) < self.keep:
            raise ScansearchError(
                f"layer {number} keeps {self.keep} directions, but only {len(kept)} candidates of space {self.name!r} "
                f"differ on its {grid[0]} x {grid[1]} grid ({', '.join(kept)}); lower keep or use larger grids"
            )
        return LayerSpace(grid=grid, candidates=kept, keep=self.keep, merged=merged)

    def size(self, grids: Sequence[tuple[int, int]]) -> int:
        """Exact number of genotypes: 70^20 for default8 on LocalVim's 20 layers of 14 x 14 tokens."""
        return math.prod(layer.size for layer in self.bind(grids))

    def to_json(self) -> str:
        """The space as JSON text."""
        return self.model_dump_json(indent=2, by_alias=True) + "\n"

    def save(self, path: str | Path) -> None:
        """Writes the space as JSON."""
        write_text(Path(path), self.to_json())

    @classmethod
    def from_dict(cls, data: object, source: str = "search space") -> SearchSpace:
        """Reads and checks a space; problems come as one line that begins with ``source``."""
        check_depth(data, source)
        try:
            return cls.model_validate(data)
        except ScansearchError as error:
            raise ScansearchError(f"{source}: {error}") from error

    @classmethod
    def load(cls, path: str | Path) -> SearchSpace:
        """Reads a space from a JSON file."""
        return cls.from_dict(read_json(Path(path), "search space"), str(path))
