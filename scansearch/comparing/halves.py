"""Searches on separate halves of a run's images: their settings, their folders, and how one is done."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from scansearch.errors import RunFolderError
from scansearch.files import own_folder
from scansearch.finish import finish
from scansearch.genotype import Genotype
from scansearch.machine.launched import is_first
from scansearch.runs.config import RunConfig
from scansearch.runs.origin import compare
from scansearch.runs.run import Run
from scansearch.searching.assemble import resume, start
from scansearch.training.events import Listener

SEEDS = 2**32
PATIENCE_S = 60


@dataclass(frozen=True)
class HalfRun:
    """The search on one half of the images: a run like any other, in a folder of the run that it is to confirm.

    Args:
        path: Its folder.
        config: Its settings.
    """

    path: Path
    config: RunConfig

    @classmethod
    def of(cls, run: Run, number: int, epochs: int | None = None) -> HalfRun:
        """One half; those numbered 1 and 2, 3 and 4, ... are pairs that share no image.

        All settings but these are the run's own: which images, the seed, and a study in a storage, which is left out. So an epoch has
        half as many updates of the weights.

        Args:
            run: The run.
            number: Which half, from 1.
            epochs: How many, if not as many as the run's.
        """
        config, pair = run.config.alone(), (number + 1) // 2
        part = "1/2" if number % 2 else "2/2"
        data = {"part": part, "halving": (config.seed + pair) % SEEDS}
        changed: dict[str, Any] = {"seed": (config.seed + number) % SEEDS, "data": config.data.model_copy(update=data)}
        if config.machine.threads:  # of which those side by side have their shares
            threads = min(config.machine.threads, torch.get_num_threads())
            changed["machine"] = config.machine.model_copy(update={"threads": threads})
        if epochs is not None:
            changed["train"] = config.train.model_copy(update={"epochs": epochs})
        return cls(run.path / "confirm" / f"half-{number}", config.model_copy(update=changed))

    @property
    def begun(self) -> bool:
        """Whether there is anything to go on from."""
        return (self.path / "config.toml").exists()

    @property
    def genotype(self) -> Genotype | None:
        """What it has found, once it is done."""
        return Run.open(self.path).genotype if self.begun else None

    def check(self) -> None:
        """Checks that the search in the folder, if one was begun, is this one.

        Raises:
            RunFolderError: If it has other settings, or lies behind a link.
        """
        for folder in (self.path.parent, self.path):
            own_folder(folder)
        if not self.begun:
            return
        try:
            compare(
                Run.open(self.path).config.recipe(),
                self.config.recipe(),
                f"{self.path} was searched with",
                "this needs",
            )
        except RunFolderError as error:
            reason = str(error).partition("; restore it")[0]
            raise RunFolderError(f"{reason}; take the same settings as before, or remove {self.path.parent}") from error


def search_half(half: HalfRun, listener: Listener) -> None:
    """Searches a half from wherever it stands to its figures; errors as ``start`` and ``resume``."""
    if is_first():
        _until_free(half.path)
    genotype = resume(half.path, listener) if half.begun else start(half.config, half.path, listener)
    if is_first():
        for line in finish(half.path, genotype).failures:
            listener.warned(line)


def _until_free(folder: Path) -> None:
    """Waits for the search of an earlier call that was killed: it notices, saves and leaves its folder."""
    if folder.is_dir():
        with suppress(Timeout), FileLock(folder / ".lock", timeout=PATIENCE_S):
            pass
