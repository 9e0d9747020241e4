"""The folder of a run: who may write to it, its tables, its checkpoints. Everything in it survives a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any, Protocol

from filelock import FileLock, Timeout

from scansearch.errors import DivergenceError, InterruptedRunError, RunFolderError
from scansearch.files import check_own, check_writable, own_folder, write_text, writing
from scansearch.runs.checkpoint import checkpoints, drop_old, load_checkpoint, newest_checkpoint, save_checkpoint
from scansearch.runs.config import RunConfig, read_config
from scansearch.runs.environment_json import read_environment, write_environment
from scansearch.runs.origin import Origin, check_origin, origin
from scansearch.runs.table import Row, Table
from scansearch.runs.table_files import TableFiles
from scansearch.runs.tables import TABLES
from scansearch.unfinished import is_temporary, remove_left_overs

IN_PLACE = (*dict.fromkeys(table.name for tables in TABLES.values() for table in tables), "log.txt", ".lock")
REPLACED = (
    "config.toml", "environment.json", "genotype.json", "weights.safetensors", "evaluation.json", "model_card.md",
)  # fmt: skip
FOLDERS = ("checkpoints", "figures", "export", "front", "confirm")


class Folder(Protocol):
    """What the training loop needs of a folder."""

    path: Path

    def append(self, table: Table[Row], rows: Sequence[Row]) -> None:
        """Adds rows to a table."""

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Writes a checkpoint."""


class RunFolder:
    """One run on disk.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = FileLock(self.path / ".lock", timeout=0)
        self._origin: Origin = {}
        self._sizes: dict[str, int] | None = None
        self._newest: Path | None = None

    @classmethod
    @contextmanager
    def new(cls, path: str | Path, config: RunConfig, environment: dict[str, Any]) -> Iterator[RunFolder]:
        """A new run folder, locked as long as the block runs; gone again if the block fails before the first checkpoint.

        config.toml is written last: with it the folder is a run that can be resumed, without it the folder counts as empty.

        Raises:
            RunFolderError: If there is something there already, or the disk refuses.
        """
        folder = cls(path)
        folder.check_new()
        made = [parent for parent in (folder.path, *folder.path.parents) if not parent.exists()]
        with writing(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
        with folder.locked():
            folder.check_new()  # another process may have been faster
            try:
                write_environment(folder.path, environment)
                write_text(folder.path / "config.toml", config.to_toml())
                yield folder
            except (DivergenceError, InterruptedRunError):
                raise
            except Exception:
                if not folder.begun:
                    folder._discard(made)
                raise

    def check_new(self) -> None:
        """Checks that a run may begin in this folder; nothing is made.

        Raises:
            RunFolderError: If there is something there already, or nothing can be written there.
        """
        if (self.path / "config.toml").exists():
            raise RunFolderError(
                f"{self.path} holds a run already; continue it with `scansearch resume {quote(str(self.path))}` or choose another --out"
            )
        if self.path.exists() and (not self.path.is_dir() or any(map(_foreign, self.path.iterdir()))):
            raise RunFolderError(
                f"a run needs a new or empty folder, but {self.path} is not one; empty it, or choose another"
            )
        check_writable(self.path)

    def _check_members(self) -> None:
        """Nothing of a run may lie, or be written, elsewhere."""
        for name in IN_PLACE:
            check_own(self.path / name)
        for name in REPLACED:
            path = self.path / name
            if path.is_symlink() or (path.exists() and not path.is_file()):
                raise RunFolderError(
                    f"{path} must be a file of the run itself, not a link or a folder; put the file there"
                )
        for name in FOLDERS:
            own_folder(self.path / name)

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint after the first step."""
        return any(path.name > "step-000000001" for path in checkpoints(self.path / "checkpoints"))

    def _discard(self, made: Sequence[Path]) -> None:
        """Removes what a start has written, and the folders that it made, unless somebody has put something there."""
        folder = self.path / "checkpoints"
        for left in (self.path, folder):
            remove_left_overs(left)
        for path in (*checkpoints(folder), *(self.path / name for name in (*IN_PLACE, *REPLACED))):
            if path.is_file():
                path.unlink()
        for place in (folder, *made):
            if place.is_dir() and not any(place.iterdir()):
                place.rmdir()

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Opens an existing run.

        Raises:
            RunFolderError: If there is no run in ``path``, or it is of another version.
        """
        folder = cls(path)
        read_config(folder.path)
        return folder

    @property
    def config(self) -> RunConfig:
        """What the run was told."""
        return read_config(self.path)

    @contextmanager
    def locked(self) -> Iterator[RunFolder]:
        """Keeps the folder for this process as long as the block runs; a killed process's hold ends with it.

        Raises:
            RunFolderError: If another process has it, or a part of it is a link.
        """
        self._check_members()
        with writing(self.path):
            try:
                self._lock.acquire()
            except Timeout as error:
                raise RunFolderError(
                    f"{self.path} is in use by another process; wait for it to end, then repeat the command"
                ) from error
        try:
            for place in (self.path, *(self.path / name for name in FOLDERS)):
                remove_left_overs(place)
            yield self
        finally:
            self._lock.release()

    def check_free(self) -> None:
        """Checks that no other process has the folder, before hours are spent on what is written into it; errors as ``locked``."""
        with self.locked():
            pass

    @cached_property
    def _tables(self) -> TableFiles:
        return TableFiles(self.path, TABLES[self.config.kind])

    def append(self, table: Table[Row], rows: Sequence[Row]) -> None:
        """Appends rows to a table and waits until they are on disk."""
        self._tables.append(table, rows)

    @property
    def _said(self) -> Origin:
        """What the folder says that its checkpoints are made by."""
        return origin(self.config, read_environment(self.path))

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Writes a checkpoint; it remembers what made it, and how long each table is."""
        more = {"origin": self._origin, "tables": self._tables.sizes()}
        save_checkpoint(self.path / "checkpoints", step, {**more, **state})

    def load(self, warn: Callable[[str], None]) -> dict[str, Any] | None:
        """The state in the newest good checkpoint, or ``None`` if there is none yet. Nothing is changed.

        Raises:
            RunFolderError: If every checkpoint is damaged or gone, the newest good one was made by other settings, or the
                tables are not those that it was taken with.
        """
        newest = load_checkpoint(self.path / "checkpoints", warn)
        self._origin, self._sizes = self._said, None
        if newest is None:
            self._tables.check_empty()
            return None
        self._newest, state = newest
        check_origin(state.pop("origin", None), self._origin, self.path)
        self._sizes = self._tables.check(state.pop("tables", None))
        return state

    def check_origin(self, warn: Callable[[str], None]) -> None:
        """Checks of a finished run that its newest good checkpoint, if there is one, was made by what the folder says."""
        newest = newest_checkpoint(self.path / "checkpoints", warn)
        if newest is not None:
            check_origin(newest[1].get("origin"), self._said, self.path)

    def rewind(self) -> None:
        """Cuts the tables back to where the state of ``load`` was taken; without one, they begin anew.

        A run that was killed as it saved for the last time has left an older checkpoint that no later one would remove.
        """
        if self._sizes is None or self._newest is None:
            self._tables.begin()
        else:
            self._tables.cut(self._sizes)
            drop_old(self.path / "checkpoints", self._newest)


def new_folder(parent: Path, stem: str) -> Path:
    """The first of ``parent/stem``, ``parent/stem-2``, ... that does not exist."""
    path, number = parent / stem, 1
    while path.exists():
        number += 1
        path = parent / f"{stem}-{number}"
    return path


def _foreign(path: Path) -> bool:
    """Whether a file is not one that a start leaves behind if it is killed before config.toml is there."""
    ours = path.name in (".lock", "environment.json") or is_temporary(path)
    return path.is_symlink() or not path.is_file() or not ours
