"""The tables of a run folder on disk: rows are only ever added, and cut off again when a run goes on from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scansearch.errors import RunFolderError
from scansearch.files import append_bytes, open_regular, truncate, write_text
from scansearch.runs.table import Row, Table

MAX_LINE = 1 << 16


class TableFiles:
    """The tables in a folder.

    Args:
        path: The folder.
        tables: Those of a run of its kind.
    """

    def __init__(self, path: Path, tables: Sequence[Table[Any]]) -> None:
        self.path, self.headers = path, {table.name: table.header for table in tables}
        self.repeatable = {table.name for table in tables if table.repeatable}

    def append(self, table: Table[Row], rows: Sequence[Row]) -> None:
        """Appends rows to a table and waits until they are on disk."""
        append_bytes(self.path / table.name, table.text(rows).encode(), sync=True)

    def sizes(self) -> dict[str, int]:
        """How long each table is, for a checkpoint; those that are not repeatable may differ."""
        return {name: self._length(name) for name in self.headers if name in self.repeatable}

    def begin(self) -> None:
        """Makes tables without rows."""
        for name, header in self.headers.items():
            write_text(self.path / name, header)

    def check_empty(self) -> None:
        """Checks that nothing can be lost by ``begin``.

        Raises:
            RunFolderError: If a table has rows.
        """
        for name in self.headers:
            if self._length(name) > len(self._first_line(name)) + 1:
                raise RunFolderError(
                    f"{self.path / name} has rows, but there is no checkpoint that the run could go on from; restore "
                    f"{self.path / 'checkpoints'} or start a new run"
                )

    def check(self, sizes: object) -> dict[str, int]:
        """Checks that the tables can be cut back to what a checkpoint says, and returns it. Nothing is changed.

        Args:
            sizes: As ``sizes()`` gave them, or anything: who writes a checkpoint decides here what is cut.

        Raises:
            RunFolderError: If these are not the tables, or not places where one of their rows ends.
        """
        if not isinstance(sizes, dict) or set(sizes) != self.repeatable:
            raise RunFolderError(
                f"a checkpoint in {self.path} remembers the tables {', '.join(sorted(self.repeatable))}, but this one others; "
                "start the run anew"
            )
        for name, size in sizes.items():
            self._check_size(name, size)
        for name in self.headers:
            self._check_columns(name, sizes.get(name, self._length(name)))
        return sizes

    def cut(self, sizes: Mapping[str, int]) -> None:
        """Cuts the tables back to sizes that ``check`` has passed; those that have no rows then get their header anew."""
        for name, header in self.headers.items():
            if name in sizes:
                truncate(self.path / name, sizes[name])
            if self._length(name) <= len(self._first_line(name)) + 1:
                write_text(self.path / name, header)

    def _check_size(self, name: str, size: Any) -> None:
        path, length = self.path / name, self._length(name)
        if type(size) is int and size > length:
            raise RunFolderError(
                f"{path} is shorter than at the checkpoint ({size} bytes); restore it or start the run anew"
            )
        if type(size) is not int or size <= len(self._first_line(name)) or self._byte(name, size - 1) != b"\n":
            raise RunFolderError(
                f"{path} cannot have had {size!r} bytes at the checkpoint: no row ends there; restore it or start the run anew"
            )

    def _check_columns(self, name: str, size: int) -> None:
        """A table without rows may have those of an earlier version, as it gets its header anew."""
        first, header = self._first_line(name), self.headers[name].strip()
        if size > len(first) + 1 and first != header.encode():
            raise RunFolderError(
                f"{self.path / name} has the columns {first.decode(errors='replace')!r}, but this version writes {header!r}; "
                "finish the run with the version that began it, or start it anew"
            )

    def _length(self, name: str) -> int:
        path = self.path / name
        return path.stat().st_size if path.exists() else 0

    def _first_line(self, name: str) -> bytes:
        if not (self.path / name).exists():
            return b""
        with open_regular(self.path / name) as file:
            return file.readline(MAX_LINE).removesuffix(b"\n")

    def _byte(self, name: str, place: int) -> bytes:
        with open_regular(self.path / name) as file:
            file.seek(place)
            return file.read(1)
