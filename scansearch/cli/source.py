"""What a command may be pointed at: a run folder, a genotype file, or the name of a published genotype."""

from __future__ import annotations

from pathlib import Path

from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype, published, published_names


def genotype_of(source: str) -> Genotype:
    """The genotype behind a run folder, a JSON file or a published name.

    Raises:
        ScansearchError: If there is none.
    """
    path = Path(source)
    if not path.exists() and source in published_names():
        return published(source)
    if not path.exists():
        raise ScansearchError(
            f"{source!r} is neither a run folder, a genotype file nor a published genotype ({', '.join(published_names())})"
        )
    return Genotype.load(path)
