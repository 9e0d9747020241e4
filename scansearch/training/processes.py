"""One process or many: everything that processes must agree on goes through here; alone, it does nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from lightning_fabric import Fabric


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
