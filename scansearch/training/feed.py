"""Batches on the device: a pure function of the seed and the step, whatever was made ahead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from lightning_fabric import Fabric

from scansearch.data import Augmentation, AugmentSettings, ImageData, Split, TensorSplit, normalise
from scansearch.data.augment import Draws
from scansearch.data.rand_augment import check_bytes
from scansearch.training.ahead import Ahead
from scansearch.training.batch import Batch
from scansearch.training.batches import AUGMENT, HELD_OUT, HELD_OUT_AUGMENT, TRAIN, Batches, generator, split_off
from scansearch.training.processes import Processes
from scansearch.training.share import share_of


class _Raw(NamedTuple):
    """A batch as the data set stores it, in memory from where it goes to the device: bytes where the images are bytes."""

    images: torch.Tensor
    targets: torch.Tensor
    draws: Draws = Draws()
    size: int | None = None
    """How many images are this process's share; those behind are only mixed into them."""


class Feed:
    """Gives batches of a data set.

    The images go to the device as they are stored, and are normalised and augmented there; the random numbers of the augmentation
    are drawn on the CPU. While a step runs, the next batch is read where that helps: if the images lie in files or have a way to
    go. Where they only have to be copied from memory to memory, a second thread would take longer than the copy.

    Args:
        data: The images.
        augment: What is done to those that something is learned from.
        batch_size: Images in a batch, over all processes.
        seed: Seed of the run.
        fabric: The device, and the processes that share the batches.
        held_out_share: Share of the training images that ``train`` never gives and ``held_out`` does.

    Raises:
        ScansearchError: If the augmentation is not defined for these images.
    """

    def __init__(
        self, data: ImageData, augment: AugmentSettings, batch_size: int, seed: int, fabric: Fabric, held_out_share: float = 0.0
    ) -> None:  # fmt: skip
        self.data, self.batch_size, self.seed, self.fabric = data, batch_size, seed, fabric
        self.processes = Processes(fabric)
        if augment.for_bytes:
            check_bytes(data.train.batch(torch.tensor([0]))[0])
        self.augment = Augmentation(augment, data.num_classes, data.mean)
        weights_part, held_out_part = split_off(len(data.train), held_out_share, seed)
        size, ranks = batch_size, self.processes.size
        self.batches = Batches(weights_part, size, seed, TRAIN, ranks)
        self.held_out_batches = Batches(held_out_part, size, seed, HELD_OUT, ranks) if len(held_out_part) else None
        self._train = Ahead(self._read_train, self._reads_ahead(data.train))
        self._held_out = Ahead(self._read_held_out, self._reads_ahead(data.train))
        self.mean, self.std = (fabric.to_device(torch.tensor(values)) for values in (data.mean, data.std))

    @property
    def steps_per_epoch(self) -> int:
        """Updates of the weights in an epoch."""
        return self.batches.steps_per_epoch

    @property
    def has_held_out(self) -> bool:
        """Whether there is a held-out part."""
        return self.held_out_batches is not None

    def train(self, number: int) -> Batch:
        """The batch that the weights learn from in step ``number``: this process's share of it."""
        return self._batch(self._train(number))

    def held_out(self, number: int) -> Batch:
        """A batch of the held-out part."""
        return self._batch(self._held_out(number))

    def over(self, split: Split, limit: int | None = None) -> Iterator[Batch]:
        """This process's share of a split, or of ``limit`` evenly spaced images of it, in their order and not augmented."""
        images = min(limit or len(split), len(split))
        spaced = (torch.arange(images) * len(split) // images).split(self.batch_size)
        parts = [mine for mine in map(self._share, spaced) if len(mine)]
        read = Ahead(lambda number: self._read(split, parts[number]), self._reads_ahead(split))
        return (self._batch(read(number)) for number in range(len(parts)))

    def _reads_ahead(self, split: Split) -> bool:
        return self.fabric.device.type != "cpu" or not isinstance(split, TensorSplit)

    def _share(self, samples: torch.Tensor) -> torch.Tensor:
        return samples[self.processes.rank :: self.processes.size]

    def _read_train(self, number: int) -> _Raw:
        return self._read_augmented(self.batches[number], AUGMENT, number)

    def _read_held_out(self, number: int) -> _Raw:
        assert self.held_out_batches is not None
        return self._read_augmented(self.held_out_batches[number], HELD_OUT_AUGMENT, number)

    def _read_augmented(self, samples: torch.Tensor, stream: int, number: int) -> _Raw:
        """This process's share, with the random numbers that it would have in a single process."""
        shape = (len(samples), *self.data.train.image_shape)
        draws = self.augment.draw(shape, generator(self.seed, stream, number, 0))
        share = share_of(draws, len(samples), self.processes.rank, self.processes.size)
        images, targets = self.data.train.batch(samples[share.rows])
        self.augment.check_targets(targets)
        return self._pinned(_Raw(images, targets, share.draws, share.size))

    def _read(self, split: Split, samples: torch.Tensor) -> _Raw:
        return self._pinned(_Raw(*split.batch(samples)))

    def _pinned(self, raw: _Raw) -> _Raw:
        """In memory that a GPU reads by itself, so that nobody waits for the copy."""
        if self.fabric.device.type != "cuda":
            return raw
        draws = raw.draws.map(torch.Tensor.pin_memory)
        return raw._replace(images=raw.images.pin_memory(), targets=raw.targets.pin_memory(), draws=draws)

    def _batch(self, raw: _Raw) -> Batch:
        def over(tensor: torch.Tensor) -> torch.Tensor:
            return tensor.to(self.fabric.device, non_blocking=True)

        images = self.augment.change(over(raw.images), raw.draws)
        images = normalise(images, self.mean, self.std)
        images, targets = self.augment.apply(images, over(raw.targets), raw.draws.map(over))
        return Batch(images[: raw.size], targets[: raw.size])
