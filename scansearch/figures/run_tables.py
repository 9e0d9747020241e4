"""The tables of a run folder that reports read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scansearch.runs.tables import GENOTYPES, LAYERS, METRICS, SCORES

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = {table.name: tuple(table.types) for table in (METRICS, LAYERS, SCORES, GENOTYPES)}
_TABLES = {table.name: table for table in (METRICS, LAYERS, SCORES, GENOTYPES)}


def empty_table(name: str) -> DataFrame:
    """A table without rows."""
    return _TABLES[name].empty()


def read_table(path: Path) -> DataFrame:
    """Reads one of the tables in ``COLUMNS``; empty, with these columns, if there is none; errors as ``Table.frame``."""
    return _TABLES[path.name].frame(path.parent)
