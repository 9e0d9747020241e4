"""Exporter ``json``: the genotype as it is."""

from __future__ import annotations

from pathlib import Path

from scansearch.export.exporter import Exporter
from scansearch.genotype import Genotype


def write(genotype: Genotype, folder: Path) -> list[Path]:
    """Writes ``genotype.json``."""
    path = folder / "genotype.json"
    genotype.save(path)
    return [path]


# A run folder has its genotype.json already.
GENOTYPE_JSON = Exporter("json", "genotype.json", write, of_run=False)
