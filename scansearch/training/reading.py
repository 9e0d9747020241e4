"""Where the images of a batch are read: in this process, or by others."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import torch

from scansearch.data import Split, TensorSplit
from scansearch.data.encoded import EncodedSplit
from scansearch.training.workers import Read, Workers, workers_of


class Reader:
    """Begins to read images.

    Args:
        workers: How many other processes read images that do not lie in memory; 0 reads them here.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def begin(self, split: Split, samples: torch.Tensor, parts: torch.Tensor | None = None) -> Callable[[], Read]:
        """Begins a batch.

        Args:
            split: The images.
            samples: Which of them, int64 (B,).
            parts: Random numbers (B, 22) of ``crop_numbers``: the parts that are taken of encoded images; ``None``: the middle.

        Returns:
            A function that gives what ``split.batch`` does, and raises what it does.
        """
        if isinstance(split, EncodedSplit) and parts is not None:
            split, samples = split.subset(samples).cropped(parts), torch.arange(len(samples))
        pool = self._pool(split)
        return partial(split.batch, samples) if pool is None else pool.begin(split.subset(samples))

    def depth(self, split: Split, batch_size: int) -> int:
        """How many batches should be begun before they are asked for; none where nobody else would read them."""
        pool = self._pool(split)
        return 0 if pool is None else pool.depth(batch_size)

    def _pool(self, split: Split) -> Workers | None:
        return workers_of(self.workers, os.getpid()) if self.workers and not isinstance(split, TensorSplit) else None
