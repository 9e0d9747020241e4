"""What an exporter is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scansearch.genotype import Genotype


@dataclass(frozen=True)
class Exporter:
    """Writes a genotype in the form that some other code loads.

    Args:
        name: Name on the command line.
        description: One line for listings.
        write: ``write(genotype, folder)`` writes the files and returns their paths; raises ScansearchError if the genotype
            cannot be said in that form.
    """

    name: str
    description: str
    write: Callable[[Genotype, Path], list[Path]]
