"""Genotypes: the directions that a search chose, layer by layer. A genotype is data; reading one never runs code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from scansearch.errors import ScansearchError
from scansearch.files import first_problem, read_json, write_text
from scansearch.registry import natural_key, unknown_name
from scansearch.space import check_directions

GENOTYPE_SCHEMA: Literal["scansearch/genotype/1"] = "scansearch/genotype/1"


class LayerGenotype(BaseModel):
    """What one layer keeps."""

    model_config = ConfigDict(frozen=True, extra="allow")

    stage: int = Field(0, ge=0, description="Stage of a hierarchical model; 0 in a plain one.")
    grid: tuple[int, int] | None = Field(None, description="Rows and columns of the layer's tokens in the search.")
    directions: tuple[str, ...] = Field(min_length=1, description="Scan orders that the layer keeps.")
    scores: dict[str, float] = Field(default_factory=dict, description="What the strategy gave each candidate.")
    margin: float | None = Field(None, description="Score of the last direction kept minus that of the first left out.")
    margin_noise: float | None = Field(None, description="Fluctuation of the margin over the last epochs.")
    above_noise: bool | None = Field(None, description="Whether the choice stands clear of its own fluctuation.")

    @field_validator("directions")
    @classmethod
    def _known_and_unique(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        check_directions(names, "a layer")
        return names


class Genotype(BaseModel):
    """The directions of every layer, where they came from, and how sure the search was. Unknown fields are kept.

    Example:
        >>> Genotype.from_directions([["h", "v"], ["h_flip", "w2"]]).directions
        [['h', 'v'], ['h_flip', 'w2']]
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    schema_: Literal["scansearch/genotype/1"] = Field(default=GENOTYPE_SCHEMA, alias="schema")
    model: str | None = Field(None, description="Model that was searched.")
    space: dict[str, Any] | None = Field(None, description="Search space: name, candidates, keep.")
    layers: tuple[LayerGenotype, ...] = Field(min_length=1, description="One entry a layer, first layer first.")
    search: dict[str, Any] = Field(
        default_factory=dict, description="Strategy, settings, seed, data, accuracy, versions."
    )

    @property
    def directions(self) -> list[list[str]]:
        """LocalMamba's own form: a list of directions a layer."""
        return [list(layer.directions) for layer in self.layers]

    @property
    def candidates(self) -> tuple[str, ...]:
        """Candidates of the space; without one, every direction that some layer names."""
        if self.space and self.space.get("candidates"):
            return tuple(self.space["candidates"])
        named = {name for layer in self.layers for name in (*layer.directions, *layer.scores)}
        known = [n for n in ("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip") if n in named]
        return (*known, *sorted(named - set(known), key=natural_key))

    @classmethod
    def from_directions(cls, directions: Sequence[Sequence[str]], **fields: Any) -> Genotype:
        """A genotype from LocalMamba's list of lists."""
        return cls.from_dict({**fields, "layers": [{"directions": list(names)} for names in directions]})

    @classmethod
    def from_dict(cls, data: object, source: str = "genotype") -> Genotype:
        """Reads and checks a genotype, or a list of lists; problems come as one line that begins with ``source``."""
        if isinstance(data, list):
            data = {"layers": [{"directions": names} for names in data]}
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ScansearchError(f"{source}: {first_problem(error)}") from error
        except ScansearchError as error:
            raise ScansearchError(f"{source}: {error}") from error

    @classmethod
    def load(cls, path: str | Path) -> Genotype:
        """Reads a genotype file (ours, or LocalMamba's list of lists as JSON)."""
        return cls.from_dict(read_json(Path(path), "genotype"), str(path))

    def to_json(self) -> str:
        """The genotype as JSON text, the same for the same genotype."""
        data = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Writes the genotype as JSON, in one step."""
        write_text(Path(path), self.to_json())

    def check_layers(self, count: int, owner: str) -> None:
        """Checks that the genotype fits a model of ``count`` layers.

        Raises:
            ScansearchError: If the numbers of layers differ.
        """
        if len(self.layers) != count:
            raise ScansearchError(
                f"a genotype for {owner} has {count} layers, but this one has {len(self.layers)}; "
                f"search {owner} itself, or choose a model of that depth"
            )


def published_names() -> list[str]:
    """Names of the published genotypes that ship with the package."""
    names = (Path(entry.name) for entry in files("scansearch.published").iterdir())
    return sorted((name.stem for name in names if name.suffix == ".json"), key=natural_key)


def published(name: str) -> Genotype:
    """A published genotype of LocalMamba (arXiv 2403.09338), for example ``local_vim_tiny``.

    Raises:
        ScansearchError: If there is none of that name.
    """
    if name not in published_names():
        raise unknown_name("published genotype", name, published_names())
    return Genotype.load(Path(str(files("scansearch.published") / f"{name}.json")))
