"""A run as its readers see it, whatever its kind; nothing is locked and nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from scansearch.errors import RunFolderError
from scansearch.genotype import Genotype
from scansearch.runs.checkpoint import checkpoints
from scansearch.runs.config import Kind, RunConfig, read_config
from scansearch.runs.environment_json import read_environment
from scansearch.runs.table import Row, Table
from scansearch.runs.tables import TABLES
from scansearch.runs.weights_file import WEIGHTS, load_network

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import nn


@dataclass(frozen=True)
class Run:
    """A run folder.

    Args:
        path: The folder.
        config: What the run was told.
    """

    path: Path
    config: RunConfig

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Opens a run, finished or not.

        Raises:
            RunFolderError: If there is no run in ``path``, or it is of another version.
            ScansearchError: If its config.toml is damaged.
        """
        folder = Path(path)
        return cls(folder, read_config(folder))

    @property
    def kind(self) -> Kind:
        """What the run does."""
        return self.config.kind

    @cached_property
    def environment(self) -> dict[str, Any]:
        """What the run depended on when it began; errors as ``read_environment``."""
        return read_environment(self.path)

    @cached_property
    def genotype(self) -> Genotype | None:
        """Its ``genotype.json``; ``None`` if there is none yet. Errors as ``Genotype.load``."""
        path = self.path / "genotype.json"
        return Genotype.load(path) if path.exists() else None

    @property
    def tables(self) -> tuple[Table[Any], ...]:
        """The tables that a run of its kind has."""
        return TABLES[self.kind]

    def rows(self, table: Table[Row]) -> list[Row]:
        """All rows of a table; errors as ``Table.frame``."""
        return table.rows(self.path)

    def frame(self, table: Table[Any]) -> DataFrame:
        """A table as pandas has it; errors as ``Table.frame``."""
        return table.frame(self.path)

    @property
    def weights(self) -> Path:
        """The file with the trained weights of a training that is done.

        Raises:
            RunFolderError: If there is none.
        """
        path, name = self.path / WEIGHTS, quote(str(self.path))
        if self.kind != "train":
            raise RunFolderError(
                f"{self.path} is a {self.kind}, which leaves no trained network; train the one it found with "
                f"`scansearch train --genotype {name}`"
            )
        if not path.exists():
            raise RunFolderError(f"{self.path} is not trained to its end; go on with `scansearch resume {name}`")
        return path

    def network(self) -> nn.Module:
        """The trained network with its weights, on the CPU and in evaluation mode; errors as ``weights`` and ``load_network``."""
        return load_network(self.weights)[1]

    @property
    def checkpoints(self) -> list[Path]:
        """Its checkpoints, newest first, damaged ones among them."""
        return checkpoints(self.path / "checkpoints")
