"""Image files read, decoded, cropped at random and scaled to 224 x 224 by 1 to as many worker processes as there are CPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.table import Table

from benchmarks.comparison import plain_table
from benchmarks.image_check import picture
from benchmarks.loader_peer import peer
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


def run(repeats: int, *, tiny: bool = False) -> list[Rates]:
    """Images a second in the same rounds, from a start with empty queues; the processes have started before."""
    width, height, files, side, batches = (24, 18, 8, 16, 1) if tiny else (WIDTH, HEIGHT, FILES, SIDE, BATCHES)
    with TemporaryDirectory() as folder:
        paths = tuple(_write(Path(folder), files, width, height))
        split = EncodedSplit(ImageFiles(Path(folder), paths), torch.zeros(files, dtype=torch.int64), (side, side))
        rates: dict[int, dict[str, list[float]]] = {}
        for workers in range(1, 2 if tiny else usable_cpus() + 1):
            order = torch.arange(workers * batches * BATCH).remainder(files)
            name, theirs = peer(Path(folder), order.tolist(), side, BATCH, SMALLEST, workers)
            with theirs as read:
                rates[workers] = _rates({OURS: _ours(split, order, workers), name: read}, len(order), repeats)
    title = f"loader: JPEG files of {width} x {height}, a random part of each scaled to {side} x {side}, batches of {BATCH}; images a second"
    return [Rates(title, rates)]


def _write(folder: Path, files: int, width: int, height: int) -> Iterator[str]:
    (folder / "class").mkdir()
    for number in range(files):
        picture(width, height, number).save(folder / "class" / f"{number:03}.jpg", quality=90)
        yield f"class/{number:03}.jpg"


def _rates(readers: dict[str, Callable[[], object]], images: int, repeats: int) -> dict[str, list[float]]:
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
