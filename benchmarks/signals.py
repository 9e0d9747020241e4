"""A task whose answer is known: one-dimensional signals laid on a grid along a scan order.

The signals are those of MNIST-1D (Greydanus and Kobak, arXiv 2011.14439), 64 values each, made anew with its package. Laid on an
8 x 8 grid along an order, an image is a signal again to whoever reads along that order, and is torn to whoever does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from scansearch.data import Parts, TensorSplit
from scansearch.data.dataset import DatasetSpec
from scansearch.errors import ScansearchError
from scansearch.registry import DATASETS
from scansearch.scans import ScanOrder

SIDE = 8
TRAIN, VALIDATION, TEST = 4_000, 1_000, 1_000
CLASSES = tuple(str(digit) for digit in range(10))


@cache
def _signals(samples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Signals, float32 (n, 64), centred and of standard deviation 1, and classes, int64 (n,), in random order."""
    try:
        from mnist1d.data import get_dataset_args, make_dataset
    except ImportError as error:
        raise ScansearchError(
            "curves needs the signals of mnist1d; pip install 'scansearch[bench]' brings it"
        ) from error
    arguments = get_dataset_args()
    even = samples + -samples % len(CLASSES)  # it makes as many of each class
    arguments.num_samples, arguments.train_split, arguments.final_seq_length = even, 1.0, SIDE * SIDE
    made = make_dataset(arguments)
    return torch.from_numpy(made["x"][:samples]).float(), torch.from_numpy(made["y"][:samples]).long()


def laid_along(order: str, *, train: int = TRAIN, validation: int = VALIDATION, test: int = TEST) -> Parts:
    """Images (1, 8, 8) that hold a signal along a scan order, in three parts of so many."""
    signals, classes = _signals(train + validation + test)
    images = torch.empty_like(signals)
    images[:, ScanOrder(order).indices(SIDE, SIDE)] = signals
    images = images.view(-1, 1, SIDE, SIDE)
    starts, sizes = (0, train, train + validation), (train, validation, test)
    parts = (
        TensorSplit(images[at : at + size], classes[at : at + size]) for at, size in zip(starts, sizes, strict=True)
    )
    return Parts(next(parts), CLASSES, next(parts), next(parts))


@contextmanager
def curves(order: str, *, tiny: bool = False) -> Iterator[str]:
    """Registers the signals along an order as a data set, and gives its name."""
    name = f"curves-{order.replace(':', '-')}"
    sizes = {"train": 64, "validation": 32, "test": 32} if tiny else {}
    spec = DatasetSpec(
        name=name, description=f"signals along {order}", read=lambda _: laid_along(order, **sizes), where="mnist1d"
    )
    DATASETS.register(name, spec, override=True)
    try:
        yield name
    finally:
        DATASETS.unregister(name)
