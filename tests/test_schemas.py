"""The published JSON Schemas. Rewrite them after a change of the models with ``python tests/test_schemas.py``."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from scansearch import Genotype, SearchSpace
from scansearch.cost import CostTable
from scansearch.errors import ScansearchError
from scansearch.genotype import published_names
from scansearch.registry import SEARCH_SPACES

MODELS: dict[str, type[BaseModel]] = {
    "genotype-1.json": Genotype,
    "space-1.json": SearchSpace,
    "cost-1.json": CostTable,
}
FOLDER = files("scansearch") / "schemas"


def generated(model: type[BaseModel]) -> str:
    return json.dumps(plain(model.model_json_schema()), indent=2, sort_keys=True) + "\n"


def plain(schema: Any) -> Any:
    """The same schema without what only some versions of pydantic write, and what says nothing."""
    if isinstance(schema, list):
        return [plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    idle = {"additionalProperties": True} | ({"enum": [schema["const"]]} if "const" in schema else {})
    return {key: plain(value) for key, value in schema.items() if key not in idle or value != idle[key]}


def read(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def errors(name: str, document: Any) -> list[str]:
    return [error.json_path for error in jsonschema.Draft202012Validator(read(name)).iter_errors(document)]


@pytest.mark.parametrize(("name", "model"), MODELS.items(), ids=MODELS)
def test_the_files_are_up_to_date(name, model):
    assert (FOLDER / name).read_text(encoding="utf-8") == generated(model), "run python tests/test_schemas.py"


@pytest.mark.parametrize("name", MODELS)
def test_they_are_schemas_of_draft_2020_12(name):
    assert read(name)["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    jsonschema.Draft202012Validator.check_schema(read(name))


@pytest.mark.parametrize("name", published_names())
def test_published_genotypes_validate_as_they_lie(name):
    document = json.loads((files("scansearch") / "published" / f"{name}.json").read_text(encoding="utf-8"))
    assert errors("genotype-1.json", document) == []


@pytest.mark.parametrize("name", SEARCH_SPACES.names())
def test_spaces_validate_as_they_are_written(name, tmp_path):
    SEARCH_SPACES.get(name).save(tmp_path / "space.json")
    assert errors("space-1.json", json.loads((tmp_path / "space.json").read_text())) == []


FULL = {
    "schema": "scansearch/genotype/1",
    "model": "local_vim_micro",
    "space": {"name": "mine", "candidates": ["h", "v", "w2"], "keep": 2, "since": 2024},
    "layers": [
        {
            "stage": 1,
            "grid": [8, 6],
            "directions": ["h", "w2"],
            "scores": {"h": 0.5, "v": 0.25, "w2": 1},
            "margin": 0.1,
            "margin_noise": 0.02,
            "settled": True,
            "note": None,
        }
    ],
    "search": {"strategy": "darts", "seed": 0, "loss": None},
    "confirmed": {
        "pairs": 1,
        "epochs": 12,
        "overlap": 2,
        "most": 2,
        "chance": 1.3,
        "p": 0.3,
        "law": "exact",
        "level": 0.05,
        "needed": 2,
        "by_chance": 1.3,
        "layers": [
            {
                "directions": ["h"],
                "halves": {"h": 2, "w2": 1},
                "overlap": 1,
                "most": 2,
                "chance": 1.3,
                "p": 1,
                "note": None,
            }
        ],
    },
    "comment": ["kept"],
}


def test_what_a_genotype_writes_validates(tmp_path):
    for genotype in (Genotype.from_dict(FULL), Genotype.from_directions([["h"], ["v", "w3_col_flip"]])):
        genotype.save(tmp_path / "g.json")
        assert errors("genotype-1.json", json.loads((tmp_path / "g.json").read_text())) == []


def changed(place: str, value: Any) -> dict[str, Any]:
    """``FULL`` with another value at a dotted place."""
    document = json.loads(json.dumps(FULL))
    *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    spot = document
    for part in path:
        spot = spot[part]
    spot[last] = value
    return document


WRONG = {
    "schema": "scansearch/genotype/2",
    "model": 3,
    "space": ["h"],
    "space.candidates": "h",
    "layers": [],
    "layers.0": ["h", "v"],
    "layers.0.stage": -1,
    "layers.0.grid": [8],
    "layers.0.grid.0": 0,
    "layers.0.directions": [],
    "layers.0.directions.0": "w2",
    "layers.0.directions.1": 2,
    "layers.0.scores": [0.5],
    "layers.0.scores.h": "0.5",
    "layers.0.margin": "small",
    "layers.0.settled": "yes",
    "search": None,
    "confirmed": [],
    "confirmed.pairs": 0,
    "confirmed.p": 1.5,
    "confirmed.chance": "1",
    "confirmed.law": "guessed",
    "confirmed.layers.0.directions": "h",
    "confirmed.layers.0.halves.h": 0,
}


@pytest.mark.parametrize(("place", "value"), WRONG.items(), ids=WRONG)
def test_a_wrong_value_is_refused_by_the_schema_and_by_the_reader(place, value):
    document = changed(place, value)
    assert errors("genotype-1.json", document)
    with pytest.raises(ScansearchError):
        Genotype.from_dict(document)


@pytest.mark.parametrize(
    "fields",
    [
        {"keep": 0},
        {"keep": "2"},
        {"keeep": 2},
        {"candidates": []},
        {"candidates": ["h", "h"]},
        {"name": ""},
        {"schema": 1},
    ],
    ids=str,
)
def test_a_wrong_space_is_refused_by_the_schema_and_by_the_reader(fields):
    good = {"name": "mine", "candidates": ["h", "v"], "keep": 1}
    assert errors("space-1.json", good) == []
    assert errors("space-1.json", good | fields)
    with pytest.raises(ScansearchError):
        SearchSpace.from_dict(good | fields)


COSTS = {
    "schema": "scansearch/cost/1",
    "unit": "ms",
    "source": "mine",
    "model": "small",
    "image_size": [32, 32],
    "fixed": 1.5,
    "layers": [{"grid": [8, 8], "base": 0, "directions": {"h": 0.5, "w2": 1}}],
    "spread": 0.1,
}


def test_what_a_cost_table_writes_validates():
    assert errors("cost-1.json", CostTable.from_dict(COSTS).to_dict()) == []
    assert errors("cost-1.json", COSTS) == []


@pytest.mark.parametrize(
    "fields",
    [{"unit": "s"}, {"fixed": -1}, {"fixed": "1"}, {"layers": []}, {"image_size": [0, 8]}, {"cost": 1}, {"source": ""}]
    + [{"layers": [COSTS["layers"][0] | change]} for change in ({"base": True}, {"directions": {}}, {"grid": [8]})],
    ids=str,
)
def test_a_wrong_cost_table_is_refused_by_the_schema_and_by_the_reader(fields):
    assert errors("cost-1.json", COSTS | fields)
    with pytest.raises(ScansearchError):
        CostTable.from_dict(COSTS | fields)


values = st.sampled_from(
    [None, True, 0, 1, -1, 7, 0.5, "", "h", "v", "w2", "x", [], ["h"], ["h", "h"], [8, 8], [0, 1], {}]
)


@given(st.lists(st.tuples(st.sampled_from(sorted(WRONG)[::-1]), values), min_size=1, max_size=3))
def test_the_schema_accepts_whatever_the_reader_accepts(changes):
    document = json.loads(json.dumps(FULL))
    for place, value in changes:
        *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
        spot: Any = document
        try:
            for part in path:
                spot = spot[part]
            spot[last] = value
        except (LookupError, TypeError):
            continue  # an earlier change took this place away
    try:
        Genotype.from_dict(document)
    except ScansearchError:
        return
    assert errors("genotype-1.json", document) == []


if __name__ == "__main__":
    for file, written_from in MODELS.items():
        (FOLDER / file).write_text(generated(written_from), encoding="utf-8")
