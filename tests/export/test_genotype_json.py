"""Exporter ``json`` writes the genotype as it is."""

from __future__ import annotations

import pytest

from scansearch.export.derived import DerivedNetwork
from scansearch.genotype import Genotype, published, published_names
from scansearch.registry import EXPORTERS


@pytest.mark.parametrize("name", published_names())
def test_round_trip(name, tmp_path):
    (path,) = EXPORTERS.get("json").write(DerivedNetwork(published(name)), tmp_path / "new")
    assert path == tmp_path / "new" / "genotype.json"
    assert Genotype.load(path) == published(name)


def test_any_order_can_be_written(tmp_path):
    genotype = Genotype.from_directions([["w7_col", "w2_flip"]], model="a 'name'\nof two lines")
    (path,) = EXPORTERS.get("json").write(DerivedNetwork(genotype), tmp_path)
    assert Genotype.load(path) == genotype


def test_the_built_in_exporters_say_what_they_do():
    assert {"json", "localmamba"} <= set(EXPORTERS.names())
    for name in EXPORTERS.names():
        exporter = EXPORTERS.get(name)
        assert exporter.name == name
        assert "\n" not in exporter.description
