"""Items that others make meanwhile: several of a sequence are begun before they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Begun(Generic[Item]):
    """``begin(n)()``, where the next ``depth`` items are begun, too, when n is asked for.

    Args:
        begin: A pure function; gives a function that waits for the item.
        depth: How many are begun in advance; 0 begins each when it is asked for.
        count: How many there are; ``None`` is without end.
    """

    def __init__(self, begin: Callable[[int], Callable[[], Item]], depth: int, count: int | None = None) -> None:
        self.begin, self.depth, self.count = begin, depth, count
        self._waiting: dict[int, Callable[[], Item]] = {}
        self._lock = threading.Lock()

    def __call__(self, number: int) -> Item:
        """Waits for item ``number``."""
        with self._lock:
            end = number + 1 + self.depth
            wanted = range(number, end if self.count is None else max(min(end, self.count), number + 1))
            self._waiting = {n: self._waiting.get(n) or self.begin(n) for n in wanted}
            wait = self._waiting.pop(number)
        return wait()
