"""An exporter: the directions as plain text, a line for each layer, if a snail is among them."""

from __future__ import annotations

from pathlib import Path

from scansearch.export.derived import DerivedNetwork
from scansearch.export.exporter import Exporter
from scansearch.files import write_text


def write(network: DerivedNetwork, folder: Path) -> list[Path]:
    """Writes ``directions.txt``."""
    path = folder / "directions.txt"
    write_text(path, "".join(f"{' '.join(names)}\n" for names in network.genotype.directions))
    return [path]


def applies(network: DerivedNetwork) -> str | None:
    """Some layer must keep a snail."""
    kept = {name for names in network.genotype.directions for name in names}
    return None if kept & {"snail", "snail_flip"} else "no layer keeps a snail"


DIRECTIONS = Exporter("directions", "directions.txt, a line for each layer", write, applies)
