"""The folder of a run: who may write to it, its tables, its checkpoints. Everything in it survives a kill."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any, Protocol

import tomli_w
from filelock import FileLock, Timeout

from scansearch.engine.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from scansearch.engine.environment import write_environment
from scansearch.engine.settings import RUN_FORMAT, RunConfig, validated
from scansearch.errors import DivergenceError, InterruptedRunError, RunFolderError
from scansearch.files import read_toml, write_text, writing

TABLES = {
    "metrics.csv": (
        "epoch", "step", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "alpha_lr", "entropy", "margin",
        "genotype_changes",
    ),
    "layers.csv": ("epoch", "layer", "entropy", "margin", "changes"),
    "scores.csv": ("epoch", "layer", "direction", "probability", "kept"),
    "diagnostics.csv": ("epoch", "name", "value"),
    "genotypes.csv": ("number", "accuracy", "cost", "unit", "front", "directions"),
}  # fmt: skip
TIMING = {"timing.csv": ("epoch", "seconds", "images_per_second")}
COLUMNS = {**TABLES, **TIMING}


class Folder(Protocol):
    """What the training loop needs of a folder."""

    path: Path

    def append(self, name: str, rows: Sequence[Sequence[Any]]) -> None:
        """Adds rows to a table."""

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Writes a checkpoint."""


class RunFolder:
    """One run on disk.

    The tables but ``timing.csv`` hold only what a repeated run would write byte for byte the same; wall-clock times go there.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = FileLock(self.path / ".lock", timeout=0)

    @classmethod
    @contextmanager
    def new(cls, path: str | Path, config: RunConfig, environment: dict[str, Any]) -> Iterator[RunFolder]:
        """A new run folder, locked as long as the block runs; gone again if the block fails before the first checkpoint.

        config.toml is written last: with it the folder is a run that can be resumed, without it the folder counts as empty.

        Raises:
            RunFolderError: If there is something there already, or the disk refuses.
        """
        folder = cls(path)
        folder._check_new()
        made = [parent for parent in (folder.path, *folder.path.parents) if not parent.exists()]
        with writing(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
        with folder.locked():
            folder._check_new()  # another process may have been faster
            try:
                write_environment(folder.path, environment)
                text = tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
                write_text(folder.path / "config.toml", text)
                yield folder
            except (DivergenceError, InterruptedRunError):
                raise
            except Exception:
                if not folder.begun:
                    folder._discard(made)
                raise

    def _check_new(self) -> None:
        if (self.path / "config.toml").exists():
            raise RunFolderError(
                f"{self.path} holds a run already; continue it with `scansearch resume {quote(str(self.path))}` or choose another --out"
            )
        if self.path.exists() and (not self.path.is_dir() or any(map(_foreign, self.path.iterdir()))):
            raise RunFolderError(f"a run needs a new or empty folder, but {self.path} is not one; choose another --out")

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint after the first step."""
        return any(path.name > "step-000000001" for path in checkpoints(self.path / "checkpoints"))

    def _discard(self, made: Sequence[Path]) -> None:
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        for folder in made:
            folder.rmdir()

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Opens an existing run.

        Raises:
            RunFolderError: If there is no run in ``path``, or it is of another version.
        """
        folder = cls(path)
        if not (folder.path / "config.toml").is_file():
            raise RunFolderError(
                f"{path} holds no run (it has no config.toml); start one with `scansearch run --out {quote(str(path))}`"
            )
        found = folder._toml().get("format")
        if found != RUN_FORMAT:
            raise RunFolderError(
                f"{path} is a run of format {found!r}, but this version reads {RUN_FORMAT!r}; start it anew"
            )
        return folder

    @property
    def config(self) -> RunConfig:
        """What the run was told."""
        config: RunConfig = validated(RunConfig, self._toml(), f"{self.path / 'config.toml'}: run")
        return config

    def _toml(self) -> dict[str, Any]:
        return read_toml(self.path / "config.toml")

    @contextmanager
    def locked(self) -> Iterator[RunFolder]:
        """Keeps the folder for this process as long as the block runs; a killed process's hold ends with it.

        Raises:
            RunFolderError: If another process has it.
        """
        with writing(self.path):
            try:
                self._lock.acquire()
            except Timeout as error:
                raise RunFolderError(
                    f"{self.path} is in use by another process; wait for it or choose another --out"
                ) from error
        try:
            for left_over in (*self.path.glob(".*.??????*"), *(self.path / "checkpoints").glob(".step-*")):
                left_over.unlink(missing_ok=True)
            yield self
        finally:
            self._lock.release()

    def append(self, name: str, rows: Sequence[Sequence[Any]]) -> None:
        """Appends rows to a table and waits until they are on disk."""
        if wrong := [len(row) for row in rows if len(row) != len(COLUMNS[name])]:
            raise ValueError(f"{name} has {len(COLUMNS[name])} columns, but a row has {wrong[0]}")
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([[_cell(value) for value in row] for row in rows])
        with writing(self.path / name), (self.path / name).open("ab") as file:
            file.write(text.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Writes a checkpoint; it remembers how long each table is."""
        sizes = {name: (self.path / name).stat().st_size for name in TABLES}
        save_checkpoint(self.path / "checkpoints", step, {"tables": sizes, **state})

    def load(self, warn: Callable[[str], None]) -> dict[str, Any] | None:
        """The newest good checkpoint, with the tables cut back to where it was taken; without one, they begin anew.

        Raises:
            RunFolderError: If every checkpoint is damaged, or a table has lost rows.
        """
        state = load_checkpoint(self.path / "checkpoints", warn)
        for name, size in ({} if state is None else state["tables"]).items():
            self._truncate(self.path / name, size)
        for name, columns in COLUMNS.items():
            self._check_header(self.path / name, ",".join(columns), new=state is None)
        return state

    def _check_header(self, path: Path, header: str, new: bool) -> None:
        """Gives a table without rows its header; that of an earlier version may have had other columns."""
        lines = [] if new or not path.exists() else path.read_bytes().split(b"\n", 2)
        if len(lines) < 3 and not (len(lines) == 2 and lines[1]):
            write_text(path, header + "\n")
        elif lines[0] != header.encode():
            raise RunFolderError(
                f"{path} has the columns {lines[0].decode(errors='replace')!r}, but this version writes {header!r}; finish the run "
                "with the version that began it, or start it anew"
            )

    def _truncate(self, path: Path, size: int) -> None:
        if not path.exists() or path.stat().st_size < size:
            raise RunFolderError(
                f"{path} is shorter than at the checkpoint ({size} bytes); restore it or start the run anew"
            )
        with writing(path):
            os.truncate(path, size)


def new_folder(parent: Path, stem: str) -> Path:
    """The first of ``parent/stem``, ``parent/stem-2``, ... that does not exist."""
    path, number = parent / stem, 1
    while path.exists():
        number += 1
        path = parent / f"{stem}-{number}"
    return path


def _foreign(path: Path) -> bool:
    """Whether a file is not one that a start leaves behind if it is killed before config.toml is there."""
    return re.fullmatch(r"\.lock|environment\.json|\.(environment\.json|config\.toml)\.\w+", path.name) is None


def _cell(value: Any) -> Any:
    return f"{value:.9g}" if isinstance(value, float) else value
