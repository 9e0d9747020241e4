"""Searches in other processes for the conformance suite of strategies: fresh ones, killed ones, two that work together."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from scansearch.machine.numerics import run_numerics
from scansearch.models import bind_to
from scansearch.registry import DATASETS, STRATEGIES
from scansearch.runs.config import RunConfig, validated
from scansearch.runs.folder import RunFolder
from scansearch.runs.table import Row, Table
from scansearch.searching.assemble import resume, start
from scansearch.searching.configure import model_of
from scansearch.searching.from_scratch import TrainedFromScratch
from scansearch.searching.judge import SearchJudge
from scansearch.searching.loop import SearchLoop
from scansearch.space import SearchSpace
from scansearch.strategy.base import Strategy
from scansearch.testing.requirement import in_one_line, require
from scansearch.testing.strategy_runs import Moment, Watch, registered
from scansearch.training.events import Silent

# What a process needs is imported once, in a server that forks: it takes longer than the searches.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__, "sklearn.datasets"])
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
        folder: The run folder; with ``rank``, where ``rank-0.json`` and ``rank-1.json`` go.
        moment: When the process kills itself with SIGKILL, if it does.
        rank: Which of two processes this is, and the port where they meet.
    """

    def __init__(
        self, path: str, config: RunConfig, folder: Path, moment: Moment | None = None, rank: tuple[int, int] | None = None
    ) -> None:  # fmt: skip
        self.problem, there = PROCESSES.Pipe(duplex=False)
        arguments = (path, config, folder, moment, rank, there)
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


def _child(
    path: str, config: RunConfig, folder: Path, moment: Moment | None, rank: tuple[int, int] | None, problem: Connection
) -> None:
    with Path(f"{folder}-{rank[0] if rank else 0}.log").open("w") as log:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(log.fileno(), stream.fileno())
    try:
        with registered(_imported(path)):
            if rank is None:
                if folder.exists():
                    resume(folder)
                else:
                    start(config, folder, Watch(moment, lambda: os.kill(os.getpid(), signal.SIGKILL)))
            else:
                _run_as_rank(config, folder, *rank)
    except Exception as error:
        problem.send(in_one_line(error))
        raise


class _Unwritten(RunFolder):
    """A run folder that nothing is written to."""

    def append(self, table: Table[Row], rows: Sequence[Row]) -> None:
        """Nothing."""

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Nothing."""


def _run_as_rank(config: RunConfig, folder: Path, rank: int, port: int) -> None:
    """One of two processes that share the batches of a search; writes what it ends with."""
    os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ddp = DDPStrategy(find_unused_parameters=True, process_group_backend="gloo", timeout=timedelta(seconds=LIMIT_S))
    fabric = Fabric(accelerator="cpu", devices=2, strategy=ddp)
    with run_numerics():
        torch.set_num_threads(1)
        fabric.launch()
        loop = _loop(fabric, config, folder)
        loop.run()
        result = {
            "genotype": loop.strategy.choose(),
            "scores": [scores.tolist() for scores in loop.strategy.scores()],
            "weights": digest(loop.supernet.state_dict()),
            "random numbers": digest(torch.get_rng_state()),
        }
        (folder / f"rank-{rank}.json").write_text(json.dumps(result))


def _loop(fabric: Fabric, config: RunConfig, folder: Path) -> SearchLoop:
    spec = model_of(config)
    data, kind = DATASETS.get(config.data.name).load(limit=config.data.limit), STRATEGIES.get(config.strategy.name)
    bound = bind_to(SearchSpace.from_dict(config.space), spec, data.shape)
    torch.manual_seed(config.seed)
    supernet = spec.supernet([layer.candidates for layer in bound], data.shape)
    strategy = kind(validated(kind.Settings, config.strategy.settings, "strategy"))
    judge = partial(SearchJudge, TrainedFromScratch(spec, bound, data, config, fabric, folder))
    return SearchLoop(fabric, supernet, strategy, bound, data, config, _Unwritten(folder), Silent(), judge)


def digest(state: Any) -> str:
    """SHA-256 of nested tensors, numbers, lists and dicts, bit for bit."""
    return hashlib.sha256(repr(_plain(state)).encode()).hexdigest()


def _plain(state: Any) -> Any:
    if isinstance(state, torch.Tensor):
        return (str(state.dtype), tuple(state.shape), state.detach().cpu().contiguous().view(-1).tolist())
    if isinstance(state, Mapping):
        return [(key, _plain(value)) for key, value in state.items()]
    return [_plain(value) for value in state] if isinstance(state, (list, tuple)) else state
