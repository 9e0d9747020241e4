"""The next item of a sequence is made in a thread while the last one is used."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import torch

from scansearch.machine.numerics import flushes_denormals

Item = TypeVar("Item")


class Ahead(Generic[Item]):
    """``make(n)``, where ``make(n + 1)`` begins as soon as n was asked for. What ``make`` raises is raised where n is asked for.

    Args:
        make: A pure function: whether an item was made ahead cannot be told from it.
        active: Whether anything is made ahead at all.
    """

    def __init__(self, make: Callable[[int], Item], active: bool = True) -> None:
        self.make, self.active = make, active
        self._process = 0
        self._thread: ThreadPoolExecutor | None = None
        self._next: tuple[int, Future[Item]] | None = None

    def __call__(self, number: int) -> Item:
        """Item ``number``, and begins the one after it."""
        if not self.active:
            return self.make(number)
        if self._process != os.getpid():  # threads do not survive a fork
            self._process, self._next = os.getpid(), None
            numerics = (flushes_denormals(),)  # it holds for the thread that sets it
            self._thread = ThreadPoolExecutor(1, "ahead", torch.set_flush_denormal, numerics)
        made, self._next = self._next, None
        item = made[1].result() if made is not None and made[0] == number else self.make(number)
        assert self._thread is not None
        self._next = number + 1, self._thread.submit(self.make, number + 1)
        return item
