"""Searches on separate halves of a run's images: their settings, their folders, and how one is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from scansearch.comparing.sub_run import SEEDS, SubRun, shared_threads
from scansearch.errors import ScansearchError
from scansearch.genotype import Genotype
from scansearch.runs.folder import RunFolder
from scansearch.runs.run import Run
from scansearch.searching.assemble import finished, resume, start
from scansearch.training.events import Listener, Silent


@dataclass(frozen=True)
class HalfRun(SubRun):
    """The search on one half of the images of the run that it is to confirm."""

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
        changed |= shared_threads(config)
        if epochs is not None:
            changed["train"] = config.train.model_copy(update={"epochs": epochs})
        return cls(run.path / "confirm" / f"half-{number}", config.model_copy(update=changed))

    @property
    def genotype(self) -> Genotype | None:
        """What it has found, once it is done.

        Raises:
            RunFolderError: If it is damaged, or not of this half.
        """
        if not self.begun:
            return None
        try:
            return finished(RunFolder.open(self.path), Silent())
        except ScansearchError as error:
            raise self.damaged(error) from error

    @override
    def go_on(self, listener: Listener) -> None:
        if self.begun:
            resume(self.path, listener)
        else:
            start(self.config, self.path, listener)
