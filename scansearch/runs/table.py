"""A table of a run folder: its columns, how its rows are written, and how they are read, from one NamedTuple."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

from scansearch.errors import ScansearchError
from scansearch.files import read_bytes

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Row = TypeVar("Row", bound=tuple[Any, ...])
MAX_TABLE_BYTES = 256 * 1024 * 1024


class Table(Generic[Row]):
    r"""A CSV file whose rows are NamedTuples of ``int``, ``float``, ``bool`` (1 or 0) and ``str``.

    Args:
        name: Name of the file.
        row: Class of the rows; its fields are the columns.
        repeatable: Whether a repeated run writes the same bytes.

    Examples:
        >>> from typing import NamedTuple
        >>> class Wheel(NamedTuple):
        ...     number: int
        ...     round: bool
        >>> Table("wheels.csv", Wheel).text([Wheel(1, True)])
        '1,1\n'
    """

    def __init__(self, name: str, row: type[Row], *, repeatable: bool = True) -> None:
        self.name, self.row, self.repeatable = name, row, repeatable

    @cached_property
    def types(self) -> dict[str, type]:
        """The type of each column."""
        return get_type_hints(self.row)

    @cached_property
    def header(self) -> str:
        """The first line."""
        return ",".join(self.types) + "\n"

    def text(self, rows: Sequence[Row]) -> str:
        """Rows as they stand in the file.

        Raises:
            TypeError: If a row is not one of this table.
        """
        if wrong := [row for row in rows if type(row) is not self.row]:
            raise TypeError(f"{self.name} has rows of {self.row.__name__}, but got {wrong[0]!r}")
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows([[_cell(value) for value in row] for row in rows])
        return written.getvalue()

    def empty(self) -> DataFrame:
        """The table without rows."""
        import pandas as pd

        return pd.DataFrame(columns=list(self.types))

    def rows(self, folder: Path) -> list[Row]:
        """All rows in the table of a run folder; none if there is no table. Errors as ``frame``."""
        frame = self.frame(folder)
        columns = [map(kind, frame[name].tolist()) for name, kind in self.types.items()]
        return [self.row(*values) for values in zip(*columns, strict=True)]

    def frame(self, folder: Path) -> DataFrame:
        """The same as pandas has it: numbers, and categories for words.

        Raises:
            ScansearchError: If it is larger than ``MAX_TABLE_BYTES``, no table, or lacks a column or a number.
        """
        path = folder / self.name
        if not path.exists():
            return self.empty()
        frame = self._parsed(path)
        if missing := [name for name in self.types if name not in frame]:
            raise ScansearchError(
                f"{path}: this table has the columns {self.header.strip()}, but {missing[0]} is missing; restore it or start the run "
                "anew"
            )
        for name, kind in self.types.items():
            if kind is not str:
                frame[name] = _numbers(frame[name], kind, path)
        return frame

    def _parsed(self, path: Path) -> DataFrame:
        import pandas as pd

        words: dict[Any, Any] = {name: "str" for name, kind in self.types.items() if kind is str}
        content = read_bytes(path, "table", MAX_TABLE_BYTES)
        try:
            # Blanks must not pass for the "nan" that a table may well hold.
            frame = pd.read_csv(io.BytesIO(content), dtype=words, keep_default_na=False, na_values={})
        except ValueError as error:  # pandas' parser errors and undecodable bytes are ValueErrors
            reason = (str(error).splitlines() or ["empty"])[0]
            raise ScansearchError(
                f"{path}: cannot read this table: {reason}; restore it or start the run anew"
            ) from error
        # A category takes a byte or two a row, whatever the word's length. Read as such, "00" would become "0".
        return frame.astype({name: "category" for name in words if name in frame})


def _numbers(column: Series, kind: type, path: Path) -> Series:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    wrong = numbers.isna()
    if kind is float and wrong.any():
        wrong &= ~column.astype(str).str.strip().str.lower().isin(["nan", "-nan"])
    if kind is not float:
        wrong |= ~numbers.isin([0, 1]) if kind is bool else numbers % 1 != 0
    if wrong.any():
        line = int(wrong.to_numpy().argmax()) + 2  # the header is line 1
        what = {float: "number", int: "whole number", bool: "0 or 1"}[kind]
        raise ScansearchError(
            f"{path}: line {line} has no {what} for {column.name}; restore the table or start the run anew"
        )
    return numbers


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.9g}"
    return int(value) if isinstance(value, bool) else value
