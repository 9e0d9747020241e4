"""One process or many: everything that processes must agree on goes through here; alone, it does nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import torch
from lightning_fabric import Fabric

from scansearch.errors import ScansearchError

T = TypeVar("T")


class Processes:
    """The processes that share one training.

    Args:
        fabric: What started them.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric

    @property
    def rank(self) -> int:
        """The number of this one, from 0."""
        return self.fabric.global_rank

    @property
    def size(self) -> int:
        """How many there are."""
        return self.fabric.world_size

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes."""
        return self.fabric.is_global_zero

    def sum(self, values: Sequence[float]) -> list[float]:
        """The sums over all processes, in float64."""
        if self.size == 1:
            return list(values)
        mine = self.fabric.to_device(torch.tensor(values, dtype=torch.float64))
        return self.fabric.all_reduce(mine, reduce_op="sum").tolist()  # type: ignore[union-attr]

    def mean(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The means over all processes; on the device, and nobody waits for them."""
        if self.size == 1:
            return list(tensors)
        return [self.fabric.all_reduce(tensor, reduce_op="mean") for tensor in tensors]  # type: ignore[misc]

    def agree(self, flag: bool) -> bool:
        """Whether any process raises the flag; all of them must ask at the same place."""
        return flag if self.size == 1 else self.sum([float(flag)])[0] > 0

    def wait(self) -> None:
        """Waits until all processes have come here."""
        if self.size > 1:
            self.fabric.barrier()

    def gather(self, value: T) -> list[T]:
        """What each process gives, in their order, in all of them."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(found, value)
        return found

    def together(self, make: Callable[[], T]) -> T:
        """What ``make`` returns in this process, once all have made theirs.

        Raises:
            ScansearchError: In all processes, if it fails in one.
        """
        value, error = _attempted(make)
        failed = [other for other in self.gather(error) if other is not None]
        if failed:
            raise failed[0]
        return cast(T, value)

    def from_first(self, make: Callable[[], T]) -> T:
        """What ``make`` returns in the first process, which alone calls it, in all of them.

        Raises:
            ScansearchError: In all processes, if it fails.
        """
        if self.size == 1:
            return make()
        value, error = self.fabric.broadcast(_attempted(make) if self.is_first else (None, None))
        if error is not None:
            raise error
        return cast(T, value)


def _attempted(make: Callable[[], T]) -> tuple[T | None, ScansearchError | None]:
    try:
        return make(), None
    except ScansearchError as error:
        return None, error
