"""One process or many: torch's elastic launcher starts several on this machine, watches them, and ends all when one ends.

A process that was launched, by this or by ``torchrun``, finds in its environment who it is; there is no other difference.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

from scansearch.errors import InterruptedRunError, ScansearchError
from scansearch.machine.launched import LOST, OURS
from scansearch.machine.stop_signals import stop_signals
from scansearch.unfinished import draft_folder

GRACE_S = 600
"""How long processes that were asked to stop may take to finish their step and save."""
INTERRUPTED = InterruptedRunError.exit_status


class LostProcessError(ScansearchError):
    """A process ended without a word, as under kill -9, and the others with it."""

    exit_status = 1


class Report(NamedTuple):
    """What a process said before it ended: a line, its exit status, and when (ns)."""

    line: str
    status: int
    time: int


def launch(
    program: str | Callable[..., object], arguments: Sequence[Any], processes: int, start: str = "spawn"
) -> None:
    """Runs a program in several processes, and waits for all of them.

    SIGINT, SIGTERM and SIGHUP go to all of them. Of the CPU threads, which torch would use in one process, each gets its share
    unless ``OMP_NUM_THREADS`` is set.

    Args:
        program: A path, or a function at the top of a module.
        arguments: Those of the program.
        processes: How many.
        start: How multiprocessing starts the processes of a function.

    Raises:
        ScansearchError: With the line and the exit status of the process that failed first, or was stopped.
        LostProcessError: If it left no line.
        KeyboardInterrupt: If they were stopped before they could say anything.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    with _prepared(processes) as taken, draft_folder() as logs:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id=f"{OURS}{os.getpid()}",
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            max_restarts=0,
            monitor_interval=0.1,
            start_method=start,
            logs_specs=DefaultLogsSpecs(log_dir=str(logs)),
        )
        config.signals_to_handle, config.shutdown_timeout = (
            ",".join(taken),
            GRACE_S,
        )  # older versions of torch ignore them
        try:
            elastic_launch(config, program)(*arguments)
        except ChildFailedError as error:
            statuses = {rank: failure.exitcode for rank, failure in error.failures.items()}
            raise _why(statuses, _reports(Path(f.error_file) for f in error.failures.values()), processes) from error
        except SignalException as error:
            stopped = [report for report in _reports(logs.rglob("error.json")) if report.status == INTERRUPTED]
            if stopped:
                raise InterruptedRunError(stopped[0].line) from error
            raise KeyboardInterrupt from error


@contextmanager
def _prepared(processes: int) -> Iterator[list[str]]:
    """The surroundings of a launch, given back afterwards; gives the signals that are not ignored here (as under nohup)."""
    handlers = {number: signal.getsignal(number) for number in stop_signals()}
    environment = dict(os.environ)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // processes)))
    disabled = logging.root.manager.disable
    logging.disable()  # torch says in pages what is said here in a line, by loggers that each have a level of their own
    try:
        yield [number.name for number, handler in handlers.items() if handler is not signal.SIG_IGN]
    finally:
        logging.disable(disabled)
        os.environ.clear()
        os.environ.update(environment)
        if threading.current_thread() is threading.main_thread():  # elsewhere nobody has changed them
            for number, handler in handlers.items():
                if handler is not None:
                    signal.signal(number, handler)


def _reports(paths: Iterable[Path]) -> list[Report]:
    """What processes have said, the first first."""
    found = []
    for path in paths:
        if path.is_file():
            told = json.loads(path.read_text())
            message = told["message"]
            line = message if isinstance(message, str) else message["message"]
            found.append(Report(line, told.get("status", 1), told.get("time", sys.maxsize)))
    return sorted(found, key=lambda report: report.time)


def _why(statuses: dict[int, int], reports: Sequence[Report], processes: int) -> ScansearchError:
    """Why they ended. The launcher stops those that are left: that they were ended by SIGTERM or say so explains nothing."""
    errors = [report for report in reports if report.status not in (INTERRUPTED, LOST)]
    killed = {rank: status for rank, status in statuses.items() if status < 0 and status != -signal.SIGTERM}
    stopped = [report for report in reports if report.status == INTERRUPTED]
    if told := errors or ([] if killed else stopped):
        error = ScansearchError(told[0].line)
        error.exit_status = told[0].status
        return error
    rank, status = next(iter((killed or statuses).items()))
    how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
    return LostProcessError(f"process {rank + 1} of {processes} {how}, and the others with it")
