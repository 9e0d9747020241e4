"""Genotypes: the directions that a search chose, layer by layer. A genotype is data; reading one never runs code."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from scansearch.arguments import typed
from scansearch.confirmed import Confirmed
from scansearch.document_model import DocumentModel, Record
from scansearch.documents import checked, read_json
from scansearch.errors import ScansearchError
from scansearch.registry import natural_key, unknown_name
from scansearch.shape import ImageShape
from scansearch.space import (
    JSON_SCHEMA_DIALECT,
    MOST_CANDIDATES,
    MOST_LAYERS,
    Directions,
    Side,
    at_most,
    check_directions,
)

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

LONGEST_MODEL = 10_000  # characters: a model of one's own may be called anything
GENOTYPE_SCHEMA: Literal["scansearch/genotype/1"] = "scansearch/genotype/1"

_CANDIDATES_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string", "minLength": 1},
    "minItems": 1,
    "maxItems": MOST_CANDIDATES,
    "uniqueItems": True,
}
_Score = Annotated[float, Field(allow_inf_nan=False, strict=True)]


class LayerGenotype(Record):
    """What one layer keeps."""

    model_config = ConfigDict(json_schema_extra={"description": "What one layer keeps."})

    stage: int = Field(
        0, ge=0, lt=MOST_LAYERS, strict=True, description="Stage of a hierarchical model; 0 in a plain one."
    )
    grid: tuple[Side, Side] | None = Field(None, description="Rows and columns of the layer's tokens in the search.")
    directions: Directions = Field(description="Scan orders that the layer keeps.")
    scores: Annotated[dict[str, _Score], at_most(MOST_CANDIDATES, "scores")] = Field(
        default_factory=dict, description="What the strategy gave each candidate."
    )
    margin: _Score | None = Field(
        None, description="Score of the last direction kept minus that of the first left out."
    )
    margin_noise: _Score | None = Field(None, description="Fluctuation of the margin over the last epochs.")
    settled: bool | None = Field(
        None, strict=True, description="Whether the choice no longer moves; no more than that."
    )

    @field_validator("scores")
    @classmethod
    def _of_directions(cls, scores: dict[str, float]) -> dict[str, float]:
        if scores:
            check_directions(tuple(scores))
        return scores


class Genotype(Record, DocumentModel):
    """The directions of every layer, where they came from, and how sure the search was. Unknown fields are kept.

    Examples:
        >>> Genotype.from_directions([["h", "v"], ["h_flip", "w2"]]).directions
        [['h', 'v'], ['h_flip', 'w2']]
    """

    model_config = ConfigDict(
        json_schema_extra={
            "$schema": JSON_SCHEMA_DIALECT,
            "$id": "urn:scansearch:genotype:1",
            "title": "scansearch genotype, version 1",
            "description": "The scan orders of every layer, where they came from, and how sure the search was.",
        }
    )

    schema_: Literal["scansearch/genotype/1"] = Field(default=GENOTYPE_SCHEMA, alias="schema")
    model: str | None = Field(None, max_length=LONGEST_MODEL, description="Model that was searched.")
    options: dict[str, Any] | None = Field(None, description="Options of the model that were set.")
    shape: ImageShape | None = Field(None, description="Images and classes of the search.")
    space: dict[str, Any] | None = Field(
        None,
        description="Search space: name, candidates, keep.",
        json_schema_extra={"properties": {"candidates": _CANDIDATES_SCHEMA}},
    )
    layers: Annotated[tuple[LayerGenotype, ...], at_most(MOST_LAYERS, "layers")] = Field(
        description="One entry a layer, first layer first.", json_schema_extra={"minItems": 1, "maxItems": MOST_LAYERS}
    )
    search: dict[str, Any] = Field(
        default_factory=dict, description="Strategy, settings, seed, data, accuracy, versions."
    )
    confirmed: Confirmed | None = Field(None, description="What searches on separate halves of the images agree on.")

    @field_validator("layers")
    @classmethod
    def _some_layers(cls, layers: tuple[LayerGenotype, ...]) -> tuple[LayerGenotype, ...]:
        if not layers:
            raise ValueError("a genotype has at least one layer")
        return layers

    @field_validator("confirmed")
    @classmethod
    def _of_these_layers(cls, confirmed: Confirmed | None, info: ValidationInfo) -> Confirmed | None:
        layers = info.data.get("layers")
        if confirmed is not None and layers is not None and len(confirmed.layers) != len(layers):
            raise ValueError(f"it has {len(confirmed.layers)} layers, but the genotype has {len(layers)}")
        return confirmed

    @field_validator("space")
    @classmethod
    def _known_candidates(cls, space: dict[str, Any] | None) -> dict[str, Any] | None:
        if space is None or "candidates" not in space:
            return space
        names = space["candidates"]
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            raise ValueError("candidates must be a list of directions")
        if len(names) > MOST_CANDIDATES:
            raise ValueError(f"at most {MOST_CANDIDATES:,} candidates are read, but there are {len(names):,}")
        check_directions(tuple(names))
        return space

    @property
    def directions(self) -> list[list[str]]:
        """LocalMamba's own form: a list of directions a layer."""
        return [list(layer.directions) for layer in self.layers]

    @property
    def candidates(self) -> tuple[str, ...]:
        """Candidates of the space; without one, every direction that some layer names."""
        if self.space and "candidates" in self.space:
            return tuple(self.space["candidates"])
        named = {name for layer in self.layers for name in (*layer.directions, *layer.scores)}
        known = [n for n in ("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip") if n in named]
        return (*known, *sorted(named - set(known), key=natural_key))

    @classmethod
    @typed
    def from_directions(cls, directions: Sequence[Sequence[str]], **fields: Any) -> Genotype:
        """A genotype from LocalMamba's list of lists."""
        return cls.from_dict({**fields, "layers": [{"directions": names} for names in directions]})

    @classmethod
    def from_dict(cls, data: object, source: str = "genotype") -> Genotype:
        """Reads and checks a genotype, or a list of lists; problems come as one line that begins with ``source``."""
        if isinstance(data, list):
            data = {"layers": [{"directions": names} for names in data]}
        return checked(cls, data, source)

    @classmethod
    @typed
    def load(cls, path: str | Path) -> Genotype:
        """Reads a genotype file (ours, or LocalMamba's list of lists as JSON), or that of a run folder.

        Raises:
            ScansearchError: If there is none, or it is damaged.
        """
        file = _in_run(Path(path)) if Path(path).is_dir() else Path(path)
        return cls.from_dict(read_json(file, "genotype"), str(file))

    def to_json(self) -> str:
        """The genotype as JSON text, the same for the same genotype."""
        data = _finite(self.model_dump(mode="json", by_alias=True))
        return json.dumps(data, indent=2) + "\n"


def _in_run(folder: Path) -> Path:
    """The genotype of a run folder."""
    file = folder / "genotype.json"
    if file.is_file():
        return file
    if (folder / "config.toml").is_file():
        raise ScansearchError(
            f"{folder} holds no genotype yet; finish it with `scansearch resume {quote(str(folder))}`"
        )
    raise ScansearchError(f"{folder} holds no genotype.json; name a run folder that has one, or a genotype file")


def _finite(data: Any) -> Any:
    """The same data with null for every NaN and infinity: JSON has no word for them."""
    if isinstance(data, dict):
        return {name: _finite(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def published_names() -> list[str]:
    """Names of the published genotypes that ship with the package."""
    names = (Path(entry.name) for entry in _published_folder().iterdir())
    return sorted((name.stem for name in names if name.suffix == ".json"), key=natural_key)


@typed
def published(name: str) -> Genotype:
    """A published genotype of LocalMamba (arXiv 2403.09338), for example ``local_vim_tiny``.

    Raises:
        ScansearchError: If there is none of that name.
    """
    if name not in published_names():
        raise unknown_name("published genotype", name, published_names())
    return Genotype.load(Path(str(_published_folder() / f"{name}.json")))


@typed
def find_genotype(source: str) -> Genotype:
    """The genotype behind a run folder, a JSON file or a published name.

    Raises:
        ScansearchError: If there is none, or it is damaged.
    """
    path = Path(source)
    if not path.exists() and source in published_names():
        return published(source)
    if not path.exists():
        raise ScansearchError(
            f"{source!r} is neither a run folder, a genotype file nor a published genotype ({', '.join(published_names())})"
        )
    return Genotype.load(path)


def _published_folder() -> Traversable:
    # Not files("scansearch.published"): that imports the folder, which would then hide the function of this name.
    return files("scansearch") / "published"
