"""Searches in other processes for the conformance suite of strategies: fresh ones, killed ones, two that work together."""

from __future__ import annotations

import faulthandler
import hashlib
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from multiprocessing.connection import Connection
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch

from scansearch.machine.launched import rank
from scansearch.runs.config import RunConfig
from scansearch.searching.assemble import resume, start
from scansearch.strategy.hooks import Judge
from scansearch.strategy.strategy import Strategy
from scansearch.testing.requirement import in_one_line, require
from scansearch.testing.strategy_runs import Moment, Watch, registered
from scansearch.training.launch import launch

# What a process needs is imported once, in a server that forks: it takes longer than the searches.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])
LIMIT_S = 120


def import_path(strategy: type[Strategy]) -> str:
    """``module:qualname``, under which other processes find the strategy."""
    path = f"{strategy.__module__}:{strategy.__qualname__}"
    try:
        found = _imported(path)
    except (ImportError, AttributeError):
        found = None
    require(
        found is strategy and strategy.__module__ != "__main__",
        f"other processes cannot import {path}; define the strategy at the top of a module (or check with quick=True)",
    )
    return path


def _imported(path: str) -> type[Strategy]:
    module, _, name = path.partition(":")
    found: type[Strategy] = attrgetter(name)(import_module(module))
    return found


class Child:
    """A search in another process, which starts at once and is ended with the block. One that was begun is resumed.

    Args:
        path: Import path of the strategy.
        config: The search.
        folder: The run folder.
        moment: When the process kills itself with SIGKILL, if it does.
    """

    def __init__(self, path: str, config: RunConfig, folder: Path, moment: Moment | None = None) -> None:
        self.problem, there = PROCESSES.Pipe(duplex=False)
        arguments = (path, config, folder, moment, there)
        self.process = PROCESSES.Process(target=_child, args=arguments)
        self.process.start()
        there.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.join()

    def join(self) -> bool:
        """Waits for the end; says whether the process was killed.

        Raises:
            AssertionError: If the process failed, or did not end in time.
        """
        self.process.join(LIMIT_S)
        status = self.process.exitcode
        require(status is not None, f"no end after {LIMIT_S} seconds")
        problem = self.problem.recv() if status == 1 and self.problem.poll() else f"ended with exit status {status}"
        require(status in (0, -signal.SIGKILL), problem)
        return status != 0


def _child(path: str, config: RunConfig, folder: Path, moment: Moment | None, problem: Connection) -> None:
    _write_to(Path(f"{folder}.log"))
    try:
        with registered(_imported(path)):
            if folder.exists():
                resume(folder)
            else:
                start(config, folder, Watch(moment, lambda: os.kill(os.getpid(), signal.SIGKILL)))
    except Exception as error:
        problem.send(in_one_line(error))
        raise


def run_together(path: str, config: RunConfig, folder: Path, processes: int) -> list[dict[str, Any]]:
    """A search whose batches several processes share, started as ``scansearch run --devices`` starts them.

    Args:
        path: Import path of the strategy.
        config: The search.
        folder: The run folder.
        processes: How many.

    Returns:
        What each ends with: genotype, scores, and digests of the weights and the random numbers.
    """
    launch(_run_as_one_of_them, (path, config, folder), processes, start="forkserver")
    return [json.loads(_end_of(folder, rank).read_text()) for rank in range(processes)]


def _end_of(folder: Path, rank: int) -> Path:
    return Path(f"{folder}-{rank}.json")


def _run_as_one_of_them(path: str, config: RunConfig, folder: Path) -> None:
    _write_to(Path(f"{folder}-{rank()}.log"))
    faulthandler.dump_traceback_later(LIMIT_S, exit=True)  # processes that wait for each other would wait for long
    remembered: list[Strategy] = []

    class Remembered(_imported(path)):  # type: ignore[misc]
        def finish(self, evaluate: Judge) -> None:
            super().finish(evaluate)
            remembered.append(self)
            end["random numbers"] = digest(torch.get_rng_state())

    end: dict[str, Any] = {}
    with registered(Remembered):
        start(config, folder)
    (strategy,) = remembered
    end["genotype"] = strategy.choose()
    end["scores"] = [scores.tolist() for scores in strategy.scores()]
    end["weights"] = digest(strategy.supernet.state_dict())
    _end_of(folder, rank()).write_text(json.dumps(end))


def _write_to(path: Path) -> None:
    with path.open("w") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())


def digest(state: Any) -> str:
    """SHA-256 of nested tensors, numbers, lists and dicts, bit for bit."""
    return hashlib.sha256(repr(_plain(state)).encode()).hexdigest()


def _plain(state: Any) -> Any:
    if isinstance(state, torch.Tensor):
        return (str(state.dtype), tuple(state.shape), state.detach().cpu().contiguous().view(-1).tolist())
    if isinstance(state, Mapping):
        return [(key, _plain(value)) for key, value in state.items()]
    return [_plain(value) for value in state] if isinstance(state, (list, tuple)) else state
