"""Image files read, decoded, cropped at random and scaled to 224 x 224 by 1 to as many worker processes as there are CPUs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from rich.table import Table

from benchmarks.comparison import Comparison, Result, plain_table
from benchmarks.image_check import picture
from benchmarks.loader_peer import peer, reading
from benchmarks.timing import milliseconds
from scansearch.data.encoded import EncodedSplit
from scansearch.data.imagenet import ImageFiles
from scansearch.data.random_crop import crop_numbers
from scansearch.training.begun import Begun
from scansearch.training.reading import Reader
from scansearch.training.workers import usable_cpus

SIDE, BATCH, SMALLEST = 224, 64, 0.08
WIDTH, HEIGHT, FILES, BATCHES = 500, 375, 256, 4
"""The files, and the batches of a round for each worker: how the queues fill counts little."""
OURS = "scansearch"


@dataclass(frozen=True)
class Rates:
    """Images a second, ours and a peer's, by the number of workers.

    Args:
        title: The line above the table.
        rates: By number of workers and name, a number a round; ours is the first.
    """

    title: str
    rates: dict[int, dict[str, list[float]]]

    def table(self) -> Table:
        """Medians, and how many times ours is that of the peer."""
        names = list(next(iter(self.rates.values())))
        made = plain_table(["workers", *names, "x"])
        for workers, found in self.rates.items():
            ours, theirs = (median(found[name]) for name in names)
            made.add_row(str(workers), f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}")
        return made

    def missed(self) -> list[str]:
        """Nothing is promised."""
        return []

    def to_dict(self) -> dict[str, Any]:
        """All rates."""
        return {"benchmark": "loader", "title": self.title, "rates": self.rates}


def run(repeats: int, *, tiny: bool = False) -> list[Result]:
    """Processor time of an image, and images a second in the same rounds, from empty queues; the processes have started before."""
    width, height, files, side, batches = (24, 18, 8, 16, 1) if tiny else (WIDTH, HEIGHT, FILES, SIDE, BATCHES)
    with TemporaryDirectory() as folder:
        paths = tuple(_write(Path(folder), files, width, height))
        split = EncodedSplit(ImageFiles(Path(folder), paths), torch.zeros(files, dtype=torch.int64), (side, side))
        alone = _alone(split, Path(folder), repeats)
        rates: dict[int, dict[str, list[float]]] = {}
        for workers in range(1, 2 if tiny else usable_cpus() + 1):
            order = torch.arange(workers * batches * BATCH).remainder(files)
            name, images = peer(Path(folder), side, SMALLEST)
            readers = {OURS: _ours(split, order, workers), name: reading(images, order.tolist(), BATCH, workers)}
            rates[workers] = _rates(readers, len(order), repeats)
    what = f"JPEG files of {width} x {height}, a random part of each scaled to {side} x {side}"
    title = f"loader: {what}; images a second by worker processes, batches of {BATCH}"
    return [
        Comparison("loader", "image", f"loader: {what}; processor time an image", "ms", alone, {}),
        Rates(title, rates),
    ]


def _alone(split: EncodedSplit, folder: Path, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of processor time an image in one process, which other programs change little."""
    name, images = peer(folder, split.size[0], SMALLEST)
    split = split.cropped(crop_numbers(len(split), SMALLEST, torch.Generator().manual_seed(0)))
    readers: dict[str, Callable[[], object]] = {
        OURS: lambda: split.batch(torch.arange(len(split))),
        name: lambda: torch.stack([images[place][0] for place in range(len(split))]),
    }
    samples: dict[str, list[float]] = {name: [] for name in readers}
    with patch("scansearch.data.threads._serial", True):  # as in a worker
        for _ in range(repeats):
            for reader, read in readers.items():
                before = time.process_time()
                read()
                samples[reader].append(1000 * (time.process_time() - before) / len(split))
    return samples


def _write(folder: Path, files: int, width: int, height: int) -> Iterator[str]:
    (folder / "class").mkdir()
    for number in range(files):
        picture(width, height, number).save(folder / "class" / f"{number:03}.jpg", quality=90)
        yield f"class/{number:03}.jpg"


def _rates(readers: Mapping[str, Callable[[], object]], images: int, repeats: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in readers}
    for number in range(repeats + 1):
        for name, read in readers.items():
            rate = 1000 * images / milliseconds(read)
            if number:  # in the first round the processes start
                found[name].append(rate)
    return found


def _ours(split: EncodedSplit, order: torch.Tensor, workers: int) -> Callable[[], None]:
    reader, batches = Reader(workers), order.split(BATCH)

    def begin(number: int) -> Callable[[], object]:
        numbers = crop_numbers(BATCH, SMALLEST, torch.Generator().manual_seed(number))
        return reader.begin(split, batches[number], numbers)

    def read() -> None:
        begun = Begun(begin, reader.depth(split, BATCH), len(batches))
        for number in range(len(batches)):
            begun(number)

    return read
