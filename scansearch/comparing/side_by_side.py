"""Runs side by side, each in a process of its own; when one dies or a stop is asked for, all finish their step, save and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import IO, NamedTuple

import torch

from scansearch.comparing.sub_run import SubRun
from scansearch.errors import InterruptedRunError, ScansearchError
from scansearch.runs.settings import MachineSettings
from scansearch.training.event_lines import tell
from scansearch.training.events import Listener
from scansearch.training.interrupt import StopRequest
from scansearch.training.launch import GRACE_S, LostProcessError

POLL_S = 0.1
SIDE_BY_SIDE = 2
"""Runs at a time unless told otherwise, on a CPU; each takes as much memory as one alone."""
MOST_JOBS = 1024


def usual_jobs(machine: MachineSettings) -> int:
    """How many runs go side by side unless told otherwise."""
    on_cpu = machine.accelerator == "cpu" or not torch.cuda.is_available()
    return min(SIDE_BY_SIDE, os.cpu_count() or 1) if on_cpu else 1


class Job:
    """A process of this program that works on a run and tells its events as lines of JSON.

    Args:
        name: What it is called in messages.
        arguments: Those of the program.
        threads: CPU threads that it may use.
        listener: Told about its progress.
    """

    def __init__(self, name: str, arguments: Sequence[str], threads: int, listener: Listener) -> None:
        self.name, self._said = name, deque[str](maxlen=1)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scansearch", *arguments],
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the process that waits for it; two signals would end it at once
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            Thread(target=_pass_on, args=(self._process.stdout, listener), daemon=True),
            Thread(target=self._said.extend, args=(self._process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def poll(self) -> int | None:
        """Its exit status, or ``None`` while it works."""
        return self._process.poll()

    def stop(self) -> None:
        """Asks it to save and end."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def wait(self, seconds: float) -> int:
        """Waits until it has ended, at most so long; then it is killed, of which a run recovers."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
        status = self._process.wait()
        for reader in self._readers:
            reader.join(timeout=10)
        return status

    def error(self) -> ScansearchError:
        """Why it ended, if not well: its own last line."""
        status = self.wait(0)
        line = "".join(self._said).strip().removeprefix("error: ")
        if status < 0 or not line:
            how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit status {status}"
            return LostProcessError(f"{self.name} {how}")
        error = ScansearchError(f"{self.name}: {line}")
        error.exit_status = status
        return error


def _pass_on(lines: IO[str], listener: Listener) -> None:
    for line in lines:
        tell(line, listener)


def all_done(jobs: Sequence[Callable[[], Job]], most: int, again: str) -> None:
    """Does jobs, so many at a time, and returns when all are done.

    Args:
        jobs: Start one each.
        most: How many work at a time.
        again: The command that goes on after an interruption.

    Raises:
        InterruptedRunError: After Ctrl-C or SIGTERM, once all have saved.
        ScansearchError: If one failed, once the others have saved.
    """
    waiting, working = list(jobs), list[Job]()
    with StopRequest() as stop:
        try:
            while waiting or working:
                while waiting and len(working) < most:
                    working.append(waiting.pop(0)())
                time.sleep(POLL_S)
                if stop.requested:
                    break
                for job in [job for job in working if job.poll() is not None]:
                    if job.poll() != 0:
                        raise _with_way_on(job.error(), again)
                    working.remove(job)
        finally:
            _end(working)
        if stop.requested:
            raise InterruptedRunError(f"stopped by {stop.requested}; nothing is lost: continue with `{again}`")


def _end(working: Sequence[Job]) -> None:
    for job in working:
        job.stop()
    for job in working:
        job.wait(GRACE_S)


def _with_way_on(error: ScansearchError, again: str) -> ScansearchError:
    if not isinstance(error, LostProcessError):
        return error
    return LostProcessError(f"{error}; all up to its last checkpoint is kept: continue with `{again}`")


class Part(NamedTuple):
    """A run that is part of a larger whole.

    Args:
        run: The run.
        arguments: Those of the program that do it alone.
        listener: Told about its progress.
    """

    run: SubRun
    arguments: Sequence[str]
    listener: Listener


def do_all(parts: Sequence[Part], machine: MachineSettings, most: int | None, again: str) -> None:
    """Does runs, side by side in processes of their own, or one after the other in this one.

    Args:
        parts: The runs that are not done yet.
        machine: Where the run goes whose parts they are; its threads are shared.
        most: How many at a time; ``None`` is two on a CPU with as many cores, else one.
        again: The command that goes on after an interruption.

    Raises:
        InterruptedRunError: After Ctrl-C or SIGTERM, once all have saved.
        ScansearchError: If one failed, once the others have saved.
    """
    jobs = min(most or usual_jobs(machine), len(parts))
    if jobs > 1 or machine.devices > 1:
        threads = max(1, (machine.threads or torch.get_num_threads()) // max(1, jobs))
        starts = [
            partial(Job, part.run.title.replace("-", " "), part.arguments, threads, part.listener) for part in parts
        ]
        all_done(starts, jobs, again)
    else:
        for part in parts:
            _here(part, again)


def _here(part: Part, again: str) -> None:
    try:
        part.run.do(part.listener)
    except InterruptedRunError as error:
        where = str(error).partition("; nothing is lost")[0]
        raise InterruptedRunError(f"{where} of {part.run.title}; nothing is lost: continue with `{again}`") from error
