"""Runs in the folder of the run that they say something of: theirs like any other, checked before one goes on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from scansearch.errors import DivergenceError, RunFolderError, ScansearchError
from scansearch.files import own_folder
from scansearch.finish import finish
from scansearch.genotype import Genotype
from scansearch.machine.launched import is_first
from scansearch.runs.config import RunConfig
from scansearch.runs.origin import compare
from scansearch.runs.run import Run
from scansearch.training.events import Listener

SEEDS = 2**32
PATIENCE_S = 60


@dataclass(frozen=True)
class SubRun(ABC):
    """A run in a folder of another.

    Args:
        path: Its folder.
        config: Its settings.
    """

    path: Path
    config: RunConfig

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.path.name

    @property
    def begun(self) -> bool:
        """Whether there is anything to go on from."""
        return (self.path / "config.toml").exists()

    def check(self) -> None:
        """Checks that the run in the folder, if one was begun, is this one.

        Raises:
            RunFolderError: If it has other settings, is damaged, or lies behind a link.
        """
        for folder in (self.path.parent, self.path):
            own_folder(folder)
        if not self.begun:
            return
        done = "searched" if self.config.kind == "search" else "trained"
        try:
            there = Run.open(self.path).config
        except ScansearchError as error:
            raise self.damaged(error) from error
        try:
            compare(there.recipe(), self.config.recipe(), f"{self.path} was {done} with", "this needs")
        except RunFolderError as error:
            reason = str(error).partition("; restore it")[0]
            raise RunFolderError(f"{reason}; take the same settings as before, or remove {self.path.parent}") from error

    def damaged(self, error: ScansearchError) -> RunFolderError:
        """What to say where a file of the run is damaged: it can always be done anew."""
        reason = str(error).partition("; restore it")[0]
        return RunFolderError(f"{reason}; restore it, or remove {self.path}: the same call then does it anew")

    def do(self, listener: Listener) -> None:
        """Does it from wherever it stands to its figures; errors as ``go_on``."""
        if is_first():
            self._wait()
        try:
            self.go_on(listener)
        except DivergenceError as error:
            anew = f"its settings are those of {self.path.parents[1]}: start that anew"
            raise DivergenceError(error.what, error.how, anew) from error
        if is_first():
            for line in finish(self.path, Genotype.load(self.path)).failures:
                listener.warned(line)

    @abstractmethod
    def go_on(self, listener: Listener) -> None:
        """Starts it, or resumes it, to its ``genotype.json``; errors as these."""

    def _wait(self) -> None:
        """Waits for the process of an earlier call that was killed: it notices, saves and leaves its folder."""
        if self.path.is_dir():
            with suppress(Timeout), FileLock(self.path / ".lock", timeout=PATIENCE_S):
                pass


def shared_threads(config: RunConfig) -> dict[str, Any]:
    """The section ``machine`` of a run that has its share of this machine's threads; nothing if it takes them as they come."""
    if not config.machine.threads:
        return {}
    threads = min(config.machine.threads, torch.get_num_threads())
    return {"machine": config.machine.model_copy(update={"threads": threads})}
