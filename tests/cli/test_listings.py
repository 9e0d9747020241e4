"""Every listing has ``--json``, one look, and a line that says what tells more."""

from __future__ import annotations

import json

import pytest
from encoded_sets import write_imagenet, write_shards

LISTINGS = {
    "spaces": "default8",
    "strategies": "darts",
    "scans": "raster",
    "models": "local_vim_nano",
    "datasets": "digits",
    "exporters": "localmamba",
    "figures": "heatmap",
}


@pytest.mark.parametrize(("command", "name"), LISTINGS.items())
def test_a_listing_as_json_has_names_and_descriptions(command, name, call):
    told = call(command, "--json")
    assert told.status == 0, told.err
    listed = json.loads(told.out)
    assert name in [fact["name"] for fact in listed]
    assert all(fact["description"] and "\n" not in fact["description"] for fact in listed)


@pytest.mark.parametrize("command", LISTINGS)
def test_a_listing_is_a_table_and_a_hint(command, call):
    told = call(command)
    head, *rows = told.out.splitlines()
    assert head.split()[:2] == [
        {"strategies": "strategy", "scans": "family"}.get(command, command.removesuffix("s")),
        "description",
    ]
    assert any(row.startswith(LISTINGS[command]) for row in rows)
    assert "scansearch " in rows[-1]


def test_figures_say_what_they_are_of(call):
    of = {fact["name"]: fact["of"] for fact in json.loads(call("figures", "--json").out)}
    assert (of["heatmap"], of["gallery"]) == ("run", "scans")


def test_exporters_say_whether_a_run_writes_them(call):
    of_run = {fact["name"]: fact["of_run"] for fact in json.loads(call("exporters", "--json").out)}
    assert of_run == {**of_run, "localmamba": True, "json": False}


@pytest.mark.parametrize(("name", "write"), [("imagenet", write_imagenet), ("webdataset", write_shards)])
def test_large_sets_are_read_as_a_run_would(name, write, call, tmp_path):
    told = call("datasets", name, "--data-root", str(write(tmp_path / "images")), "--json")
    assert told.status == 0, told.err
    facts = json.loads(told.out)
    assert facts["images"] == {"train": 27, "validation": 3, "test": 12}
    assert facts["image_size"] == [224, 224]
    assert any("the test images are the 12" in note for note in facts["notes"])
