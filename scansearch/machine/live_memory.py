"""How much memory tensors hold, operation by operation: counted, so that the same program always gives the same numbers."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from typing_extensions import Self

from scansearch.errors import ScansearchError


class MemoryLimitError(ScansearchError):
    """What is counted holds more than it may."""


class LiveMemory(TorchDispatchMode):
    """Counts the bytes of all tensors that were made since this began and still live, backward passes included.

    What an operation needs for itself and gives back is not seen. Meanwhile Python does not look for cycles that nobody holds: when
    it would is up to chance.

    Args:
        most: Bytes; an operation after which more live ends in a ``MemoryLimitError``.

    Attributes:
        bytes: Those that live after each operation, one after the other.
    """

    def __init__(self, most: float = math.inf) -> None:
        super().__init__()
        self.most = most
        self.bytes: list[int] = []
        self._sizes: dict[weakref.ref[torch.UntypedStorage], int] = {}
        self._live = 0

    def __enter__(self) -> Self:
        """Begins to count."""
        self._collects = gc.isenabled()
        gc.collect()
        gc.disable()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        """Ends it."""
        super().__exit__(*error)
        if self._collects:
            gc.enable()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs an operation and counts what it gives."""
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._born(leaf.untyped_storage())
        self.bytes.append(self._live)
        if self._live > self.most:
            raise MemoryLimitError(f"tensors of {self._live:,} bytes live, more than {self.most:,.0f}")
        return result

    def _born(self, storage: torch.UntypedStorage) -> None:
        known = weakref.ref(storage, self._gone)
        if known not in self._sizes:
            self._sizes[known] = storage.nbytes()
            self._live += storage.nbytes()

    def _gone(self, reference: weakref.ref[torch.UntypedStorage]) -> None:
        self._live -= self._sizes.pop(reference, 0)
