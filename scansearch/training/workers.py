"""Processes that read and decode images, and nothing else: they never see a network, a kernel or a device.

Which images they read, and which part of each, is decided by who asks; so nothing depends on how many there are.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache, partial
from multiprocessing import connection, get_context, parent_process, resource_tracker

import numpy as np
import torch

from scansearch.data import Split, threads
from scansearch.errors import ScansearchError
from scansearch.machine.stop_signals import stop_signals

CHUNK = 16
"""Images that a process decodes at a time."""
AHEAD = 2
"""Pieces of work for each process that are under way while it is not waited for."""

Read = tuple[torch.Tensor, torch.Tensor]
"""Images and targets."""
Sent = tuple[np.ndarray, np.ndarray]
"""The same on their way through a pipe: tensors would go through shared memory, of which containers have little, and file handles."""


class Workers:
    """A pool of such processes, which start when they are first needed and end with this process, however that ends.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ProcessPoolExecutor(count, get_context("spawn"), _prepare)

    def begin(self, split: Split) -> Callable[[], Read]:
        """Begins to read all images of a split, which is sent to the processes in pieces: one batch, not a data set.

        Returns:
            A function that waits, and gives what ``split.batch`` would. It raises ScansearchError as that does, or if a process
            ended.
        """
        with _deaf():
            pieces = torch.arange(len(split)).split(CHUNK)
            return partial(_joined, [self._submit(split.subset(piece)) for piece in pieces])

    def depth(self, batch_size: int) -> int:
        """How many batches should be begun in advance, so that no process waits."""
        return -(-self.count * AHEAD * CHUNK // batch_size)

    def _submit(self, piece: Split) -> Future[Sent]:
        try:
            return self._pool.submit(_read, pickle.dumps(piece))
        except BrokenProcessPool as error:
            raise _ended() from error


def worker_count(setting: int, device: torch.device) -> int:
    """How many processes read for this one: its share of those of the node.

    Args:
        setting: How many are asked for on the node; -1 is one for each CPU if images go to another device, and otherwise none.
        device: Where the images go.
    """
    sharing = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if setting < 0:
        setting = 0 if device.type == "cpu" else usable_cpus()
    return -(-setting // sharing)


@lru_cache(maxsize=1)
def workers_of(count: int, process: int) -> Workers:
    """The pool of this process, whose id is ``process``: it does not survive a fork."""
    return Workers(count)


def usable_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _joined(parts: Sequence[Future[Sent]]) -> Read:
    try:
        images, targets = zip(*(part.result() for part in parts), strict=True)
    except BrokenProcessPool as error:
        raise _ended() from error
    return torch.from_numpy(np.concatenate(images)), torch.from_numpy(np.concatenate(targets))


def _ended() -> ScansearchError:
    return ScansearchError(
        "a process that reads images ended without a word: it could not be started (a script of your own must start runs under "
        'if __name__ == "__main__":), or there was no memory left; take fewer workers, or 0 (workers= in [machine] of the settings)'
    )


@contextmanager
def _deaf() -> Iterator[None]:
    """What starts in here never hears Ctrl-C, not even before its first line: the run finishes its step with it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # its start would unblock them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare() -> None:
    """The first thing that a process does."""
    for number in stop_signals():
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
    threads.serially()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(0)


def _read(packed: bytes) -> Sent:
    piece: Split = pickle.loads(packed)
    try:
        images, targets = piece.batch(torch.arange(len(piece)))
    except ScansearchError as error:
        raise ScansearchError(str(error)) from None  # others may not survive the way back
    return images.numpy(), targets.numpy()
