"""Exporter ``json``: the genotype as it is."""

from __future__ import annotations

from pathlib import Path

from scansearch.export.derived import DerivedNetwork
from scansearch.export.exporter import Exporter


def write(network: DerivedNetwork, folder: Path) -> list[Path]:
    """Writes ``genotype.json``."""
    path = folder / "genotype.json"
    network.genotype.save(path)
    return [path]


# A run folder has its genotype.json already.
GENOTYPE_JSON = Exporter("json", "genotype.json, which everything here reads", write, of_run=False)
