"""Search spaces: which directions a layer may choose from, and how many it keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from scansearch.document_model import DocumentModel
from scansearch.documents import checked, read_json, read_toml
from scansearch.errors import ScansearchError
from scansearch.registry import unknown_name
from scansearch.space.bind import bind
from scansearch.space.bound_space import BoundSpace
from scansearch.space.budget import Budget, Costs
from scansearch.space.constraints import MOST_CONSTRAINTS, Constraint, Count
from scansearch.space.directions import JSON_SCHEMA_DIALECT, MOST_LAYERS, Directions, at_most
from scansearch.text import FILE_NAME_RULE, LONGEST_NAME, is_file_name

SPACE_SCHEMA: Literal["scansearch/space/1"] = "scansearch/space/1"

_Number = Annotated[int, Field(ge=1, strict=True)]
Keep = _Number | tuple[_Number, _Number]


def _stated(value: object) -> object:
    """Says what ``keep`` takes before pydantic tries each of its forms and complains about all of them."""
    pair = value if isinstance(value, (list, tuple)) else [value]
    if not all(type(n) is int and n >= 1 for n in pair) or len(pair) not in (1, 2) or sorted(pair) != list(pair):
        raise ValueError("keep is a number of at least 1, or two in ascending order such as [2, 4]")
    return value if isinstance(value, int) else tuple(pair)


def _named(name: str) -> str:
    if not is_file_name(name):
        raise ValueError(f"a space has {FILE_NAME_RULE}")
    return name


_KEEP = Field(description="How many directions a layer keeps, or the least and the most.")


class Override(BaseModel):
    """What is different for one stage or one layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidates: Directions | None = Field(None, description="Directions to choose from instead.")
    keep: Annotated[Keep | None, BeforeValidator(lambda v: v if v is None else _stated(v)), _KEEP] = None


class SearchSpace(DocumentModel):
    """Candidates of every layer, how many of them each layer keeps, and what else a genotype must satisfy.

    Examples:
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
    name: Annotated[str, AfterValidator(_named)] = Field(
        description="Name of the space; run folders are called by it.",
        json_schema_extra={"pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*$", "maxLength": LONGEST_NAME},
    )
    candidates: Directions = Field(description="Directions a layer may choose, in order.")
    keep: Annotated[Keep, BeforeValidator(_stated)] = _KEEP
    stages: Annotated[dict[Annotated[int, Field(ge=0)], Override], at_most(MOST_LAYERS, "stages")] = Field(
        default_factory=dict, description="What is different in some stages of a hierarchical model, by number."
    )
    layers: Annotated[dict[Annotated[int, Field(ge=0)], Override], at_most(MOST_LAYERS, "layers")] = Field(
        default_factory=dict, description="What is different in some layers, by number; stronger than stages."
    )
    constraints: Annotated[tuple[Constraint, ...], at_most(MOST_CONSTRAINTS, "constraints")] = Field(
        (), description="What the directions of each layer must satisfy."
    )
    budget: Budget | None = Field(None, description="What the network may cost.")
    description: str = Field("", description="One line for listings.")

    @model_validator(mode="after")
    def _consistent(self) -> SearchSpace:
        for where, override in [("", Override()), *self._overrides()]:
            candidates, (_, most) = override.candidates or self.candidates, pair(override.keep or self.keep)
            if most > len(candidates):
                raise ScansearchError(
                    f"keep must be at most the number of candidates, but {where}space {self.name!r} keeps {most} of "
                    f"{len(candidates)}; lower keep or add candidates"
                )
        names = self.all_candidates
        for constraint in self.constraints:
            patterns = constraint.of if isinstance(constraint, Count) else ()
            for pattern in patterns:
                if not any(fnmatchcase(name, pattern) for name in names):
                    raise ScansearchError(
                        f"a constraint counts {pattern!r}, but no candidate of space {self.name!r} matches it; its "
                        f"candidates are {', '.join(names)}"
                    )
        return self

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            if foreign := [key for key in data if key not in known and key not in cls.model_fields]:
                raise unknown_name("key of a search space", str(foreign[0]), known)
        return data

    def _overrides(self) -> Iterator[tuple[str, Override]]:
        yield from ((f"stages.{number} of ", override) for number, override in self.stages.items())
        yield from ((f"layers.{number} of ", override) for number, override in self.layers.items())

    @property
    def all_candidates(self) -> tuple[str, ...]:
        """Every direction that some layer may choose, in order."""
        lists = [self.candidates, *(override.candidates or () for _, override in self._overrides())]
        return tuple(dict.fromkeys(name for names in lists for name in names))

    def of_layer(self, number: int, stage: int) -> tuple[tuple[str, ...], tuple[int, int]]:
        """Candidates of a layer, and the least and the most directions that it keeps."""
        candidates, keep = self.candidates, self.keep
        for override in (self.stages.get(stage, Override()), self.layers.get(number, Override())):
            candidates, keep = override.candidates or candidates, override.keep or keep
        return candidates, pair(keep)

    def bind(
        self,
        grids: Sequence[tuple[int, int]],
        stages: Sequence[int] | None = None,
        costs: Costs | None = None,
    ) -> BoundSpace:
        """The choices of each layer on its own grid; directions that coincide there are offered once.

        Args:
            grids: Rows and columns of the tokens of each layer.
            stages: Stage of each layer; by default all are of stage 0.
            costs: What directions cost, for the budget; without it the budget is left aside.

        Raises:
            ScansearchError: If on some grid too few distinct candidates are left, or nothing satisfies the constraints or
                the budget.
        """
        return bind(self, grids, stages or [0] * len(grids), costs)

    def size(self, grids: Sequence[tuple[int, int]], stages: Sequence[int] | None = None) -> int:
        """Exact number of genotypes: 70^20 for default8 on LocalVim's 20 layers of 14 x 14 tokens."""
        return self.bind(grids, stages).size

    def to_dict(self) -> dict[str, Any]:
        """The space as JSON data, without what it leaves at its default."""
        data = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return {"schema": self.schema_, **data}

    @classmethod
    def from_dict(cls, data: object, source: str = "search space") -> SearchSpace:
        """Reads and checks a space; problems come as one line that begins with ``source``."""
        return checked(cls, data, source)

    @classmethod
    def load(cls, path: str | Path) -> SearchSpace:
        """Reads a space from a JSON or TOML file."""
        toml = Path(path).suffix == ".toml"
        return cls.from_dict(read_toml(Path(path)) if toml else read_json(Path(path), "search space"), str(path))


def pair(keep: int | tuple[int, int]) -> tuple[int, int]:
    """The least and the most directions that ``keep`` means."""
    return (keep, keep) if isinstance(keep, int) else keep
