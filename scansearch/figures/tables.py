"""The tables of a run folder as reports read them: of bounded size, with the columns that they promise, and numbers in these."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scansearch.errors import ScansearchError
from scansearch.files import read_bytes

if TYPE_CHECKING:
    from pandas import DataFrame

MAX_TABLE_BYTES = 256 * 1024 * 1024
COLUMNS = {
    "metrics.csv": ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy"),
    "layers.csv": ("epoch", "layer", "entropy", "margin"),
    "scores.csv": ("epoch", "layer", "direction", "probability", "kept"),
    "genotypes.csv": ("number", "accuracy", "directions"),
}
TEXT: dict[str, Any] = {"direction": "category", "directions": "str", "unit": "category"}
"""Columns that hold no numbers. A category takes a byte or two a row, whatever the word's length."""
WHOLE = {"epoch", "layer", "number", "kept"}


def empty_table(name: str) -> DataFrame:
    """A table without rows."""
    import pandas as pd

    return pd.DataFrame(columns=list(COLUMNS[name]))


def read_table(path: Path) -> DataFrame:
    """Reads one of the tables in ``COLUMNS``; empty, with these columns, if there is none.

    Raises:
        ScansearchError: If it is larger than ``MAX_TABLE_BYTES``, no table, or lacks a column or a number.
    """
    import pandas as pd

    columns = COLUMNS[path.name]
    if not path.exists():
        return empty_table(path.name)
    content = read_bytes(path, "table", MAX_TABLE_BYTES)
    try:
        # Blanks must not pass for the "nan" that a table may well hold.
        table = pd.read_csv(BytesIO(content), dtype=TEXT, keep_default_na=False, na_values={})
    except ValueError as error:  # pandas' parser errors and undecodable bytes are ValueErrors
        reason = (str(error).splitlines() or ["empty"])[0]
        raise ScansearchError(f"{path}: cannot read this table: {reason}; restore it or start the run anew") from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise ScansearchError(
            f"{path}: a table of a run has the columns {', '.join(columns)}, but {missing[0]} is missing; "
            f"restore it or start the run anew"
        )
    for column in (c for c in (*columns, "cost", "front") if c in table and c not in TEXT):
        _make_numbers(table, column, path)
    return table


def _make_numbers(table: DataFrame, column: str, path: Path) -> None:
    import pandas as pd

    before = table[column]
    table[column] = numbers = pd.to_numeric(before, errors="coerce")
    wrong = numbers.isna()
    if column not in WHOLE and wrong.any():
        wrong &= ~before.astype(str).str.strip().str.lower().isin(["nan", "-nan"])
    if wrong.any():
        line = int(wrong.to_numpy().argmax()) + 2  # the header is line 1
        raise ScansearchError(
            f"{path}: line {line} has no number for {column}; restore the table or start the run anew"
        )
