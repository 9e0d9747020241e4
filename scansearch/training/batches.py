"""Which images make up a step: a pure function of the seed and the step, so that nothing has to be stored to resume."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from scansearch.errors import ScansearchError

TRAIN, HELD_OUT, SPLIT, AUGMENT, HELD_OUT_AUGMENT, RESTART = range(6)
"""Streams of random numbers; each use of the seed has its own."""


def generator(seed: int, *stream: int) -> torch.Generator:
    """A generator whose numbers depend on ``seed`` and ``stream`` alone."""
    state = np.random.SeedSequence([seed, *stream]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) & (2**63 - 1))


class Batches:
    """Shuffled batches of a set of samples, epoch after epoch, each sample once an epoch.

    Args:
        samples: Indices of the samples, int64 (n,).
        size: Samples in a batch; the last, incomplete batch of an epoch is left out unless it is the only one.
        seed: Seed of the run.
        stream: Which use of the seed this is.
        processes: How many share a batch.

    Raises:
        ScansearchError: If they cannot share it equally.
    """

    def __init__(self, samples: torch.Tensor, size: int, seed: int, stream: int, processes: int = 1) -> None:
        self.samples, self.size, self.seed, self.stream = samples, min(size, len(samples)), seed, stream
        check_shares(self.size, processes)
        self.steps_per_epoch = len(samples) // self.size
        self._shuffled = lru_cache(maxsize=2)(self._shuffle)

    def __getitem__(self, step: int) -> torch.Tensor:
        """Indices of the samples of step ``step``, int64 (size,)."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._shuffled(epoch)[place * self.size : (place + 1) * self.size]

    def _shuffle(self, epoch: int) -> torch.Tensor:
        order = torch.randperm(len(self.samples), generator=generator(self.seed, self.stream, epoch))
        return self.samples[order]


def check_shares(size: int, processes: int) -> None:
    """Checks that processes can share a batch equally.

    Raises:
        ScansearchError: If not: their mean gradient would not be that of the batch.
    """
    if size % processes:
        raise ScansearchError(
            f"{processes} processes share each batch, so its size must be a multiple of {processes}, but got {size}; change "
            "batch_size, or devices"
        )


def split_off(count: int, share: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Splits ``count`` samples at random: the remaining part, and the ``share`` held out. Both sorted, int64.

    Raises:
        ScansearchError: If samples are to be held out, and one of the parts would be empty.
    """
    order = torch.randperm(count, generator=generator(seed, SPLIT))
    held_out = round(count * share)
    if share and held_out in (0, count):
        raise ScansearchError(
            f"held_out must leave images for alpha and for the weights, but {share} of {count} training images is {held_out}; "
            "take a share nearer to 0.5"
        )
    return order[held_out:].sort().values, order[:held_out].sort().values
