"""Batches on the device: a pure function of the seed and the step, whatever was made ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from lightning_fabric import Fabric

from scansearch.data import Augmentation, AugmentSettings, ImageData, Split, TensorSplit, normalise
from scansearch.data.augment import Draws
from scansearch.data.encoded import EncodedSplit
from scansearch.data.rand_augment import check_bytes
from scansearch.data.random_crop import crop_numbers
from scansearch.training.ahead import Ahead
from scansearch.training.batch import Batch
from scansearch.training.batches import AUGMENT, HELD_OUT, HELD_OUT_AUGMENT, TRAIN, Batches, generator, split_off
from scansearch.training.begun import Begun
from scansearch.training.processes import Processes
from scansearch.training.reading import Reader
from scansearch.training.share import share_of
from scansearch.training.workers import worker_count


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
    go. Where they only have to be copied from memory to memory, a second thread would take longer than the copy. Images in files may
    be read by other processes, several batches ahead. Random parts of encoded images are cut out as they are decoded.

    Args:
        data: The images.
        augment: What is done to those that something is learned from.
        batch_size: Images in a batch, over all processes.
        seed: Seed of the run.
        fabric: The device, and the processes that share the batches.
        held_out_share: Share of the training images that ``train`` never gives and ``held_out`` does.
        workers: Processes of a node that read images in files; as ``worker_count``. What is read does not depend on it.

    Raises:
        ScansearchError: If the augmentation is not defined for these images.
    """

    def __init__(
        self,
        data: ImageData,
        augment: AugmentSettings,
        batch_size: int,
        seed: int,
        fabric: Fabric,
        held_out_share: float = 0.0,
        workers: int = 0,
    ) -> None:
        self.data, self.batch_size, self.seed, self.fabric = data, batch_size, seed, fabric
        self.processes = Processes(fabric)
        if augment.for_bytes:
            check_bytes(data.train.batch(torch.tensor([0]))[0])
        self.smallest_part = augment.crop_min if isinstance(data.train, EncodedSplit) else 1.0
        if self.smallest_part < 1:
            augment = augment.replace(crop_min=1.0)
        self.augment = Augmentation(augment, data.num_classes, data.mean)
        self.reader = Reader(worker_count(workers, fabric.device))
        weights_part, held_out_part = split_off(len(data.train), held_out_share, seed)
        size, ranks = batch_size, self.processes.size
        self.batches = Batches(weights_part, size, seed, TRAIN, ranks)
        self.held_out_batches = Batches(held_out_part, size, seed, HELD_OUT, ranks) if len(held_out_part) else None
        self._train = self._ahead(self._begin_train, data.train)
        self._held_out = self._ahead(self._begin_held_out, data.train)
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
        read = self._ahead(lambda number: self._begin(split, parts[number]), split, len(parts))
        return (self._batch(read(number)) for number in range(len(parts)))

    def _ahead(self, begin: Callable[[int], Callable[[], _Raw]], split: Split, count: int | None = None) -> Ahead[_Raw]:
        depth = self.reader.depth(split, max(1, self.batch_size // self.processes.size))
        active = self.fabric.device.type != "cpu" or not isinstance(split, TensorSplit)
        return Ahead(Begun(begin, depth, count), active)

    def _share(self, samples: torch.Tensor) -> torch.Tensor:
        return samples[self.processes.rank :: self.processes.size]

    def _begin_train(self, number: int) -> Callable[[], _Raw]:
        return self._begin_augmented(self.batches[number], AUGMENT, number)

    def _begin_held_out(self, number: int) -> Callable[[], _Raw]:
        assert self.held_out_batches is not None
        return self._begin_augmented(self.held_out_batches[number], HELD_OUT_AUGMENT, number)

    def _begin_augmented(self, samples: torch.Tensor, stream: int, number: int) -> Callable[[], _Raw]:
        """This process's share, with the random numbers that it would have in a single process."""
        shape = (len(samples), *self.data.train.image_shape)
        draws = self.augment.draw(shape, generator(self.seed, stream, number, 0))
        share = share_of(draws, len(samples), self.processes.rank, self.processes.size)
        read = self.reader.begin(
            self.data.train, samples[share.rows], self._parts(share.rows, len(samples), stream, number)
        )

        def finish() -> _Raw:
            images, targets = read()
            self.augment.check_targets(targets)
            return self._pinned(_Raw(images, targets, share.draws, share.size))

        return finish

    def _parts(self, rows: torch.Tensor, batch: int, stream: int, number: int) -> torch.Tensor | None:
        """The random numbers of the parts that are cut out while images are decoded."""
        if self.smallest_part == 1:
            return None
        return crop_numbers(batch, self.smallest_part, generator(self.seed, stream, number, 1))[rows]

    def _begin(self, split: Split, samples: torch.Tensor) -> Callable[[], _Raw]:
        read = self.reader.begin(split, samples)
        return lambda: self._pinned(_Raw(*read()))

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
