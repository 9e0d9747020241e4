"""A run folder that several processes share: the first opens and locks it; the others know where it is, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

from scansearch.runs.config import RunConfig
from scansearch.runs.environment_json import read_environment
from scansearch.runs.folder import RunFolder
from scansearch.runs.settings import MachineSettings, most_threads
from scansearch.training.events import Listener
from scansearch.training.processes import Processes


class Past(NamedTuple):
    """What a run folder says of a run: its settings, what it depended on when it began, and its state, if it has one."""

    config: RunConfig
    environment: dict[str, Any]
    state: dict[str, Any] | None

    @classmethod
    def of(cls, folder: RunFolder, listener: Listener) -> Past:
        """Reads it; errors as ``RunFolder.load``."""
        return cls(folder.config, read_environment(folder.path), folder.load(listener.warned))

    def going_on(self, machine: MachineSettings, processes: Processes) -> RunConfig:
        """The settings with which a run goes on, in as many threads as it began with where its processes are as many."""
        same = self.environment["processes"] == processes.size
        if same and not machine.threads and self.environment["threads"] <= most_threads():
            torch.set_num_threads(self.environment["threads"])
        return self.config.model_copy(update={"machine": machine})


def new_run(
    processes: Processes, out: str | Path, config: RunConfig, environment: dict[str, Any]
) -> AbstractContextManager[RunFolder]:
    """The folder of a new run, as ``RunFolder.new``."""
    return _shared(processes, lambda: RunFolder.new(out, config, environment))


def old_run(processes: Processes, path: str | Path) -> AbstractContextManager[RunFolder]:
    """The folder of a run that goes on, as ``RunFolder.open``, locked."""
    return _shared(processes, lambda: RunFolder.open(path).locked())


@contextmanager
def _shared(processes: Processes, create: Callable[[], AbstractContextManager[RunFolder]]) -> Iterator[RunFolder]:
    with ExitStack() as stack:
        opened: list[RunFolder] = []

        def enter() -> Path:
            opened.append(stack.enter_context(create()))
            return opened[0].path

        path = processes.from_first(enter)
        yield opened[0] if opened else RunFolder(path)
