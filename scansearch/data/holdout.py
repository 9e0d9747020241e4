"""Setting images aside for validation and test: stratified, and a pure function of the labels and a split seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scansearch.errors import ScansearchError
from scansearch.lazy import torch

SPLIT_SEED = 0
NOUN = {"train": "training", "validation": "validation"}
"""The parts that can be limited, as messages call them."""


def stratified_order(labels: torch.Tensor, seed: int) -> torch.Tensor:
    """An order in which every prefix is a stratified random sample.

    The first places go to one image of each class (as long as every class is still to come), the others follow the
    proportions of the classes. Prefixes of two lengths are nested, so a longer sample extends a shorter one. There is
    no need for scikit-learn here, whose split may differ between its versions: the random numbers come from NumPy's
    ``RandomState``, whose stream is frozen.

    Args:
        labels: Class of every image, int64 of shape (n,).
        seed: The split seed.

    Returns:
        int64 of shape (n,), a permutation of 0 ... n - 1.
    """
    shuffled = np.random.RandomState(seed).permutation(len(labels))
    classes = labels.numpy()[shuffled]
    counts = np.bincount(classes)
    by_class = np.argsort(classes, kind="stable")
    rank = np.empty(len(labels), dtype=np.int64)
    rank[by_class] = np.arange(len(labels)) - (np.cumsum(counts) - counts)[classes[by_class]]
    quantile = (rank + 0.5) / counts[classes]
    return torch.from_numpy(shuffled[np.lexsort((quantile, rank > 0))])


def hold_out(
    labels: torch.Tensor, size: int, seed: int, class_names: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sets a stratified random part of the images aside.

    Args:
        labels: Class of every image, int64 of shape (n,).
        size: Images to set aside; at least one of each class is.
        seed: The split seed.
        class_names: Names of the classes, for the message.

    Returns:
        Indices that stay and indices that are set aside, both ascending; every class is in both.

    Raises:
        ScansearchError: If a class has fewer than two images.
    """
    counts = torch.bincount(labels, minlength=len(class_names))
    if int(counts.min()) < 2:
        rarest = int(counts.argmin())
        raise ScansearchError(
            f"a class needs an image for each of training, validation and test, but class {class_names[rarest]!r} has "
            "too few to be split; add images to it, leave it out, or provide the splits yourself"
        )
    order = stratified_order(labels, seed)
    size = max(size, len(class_names))
    return order[size:].sort().values, order[:size].sort().values


def halves(labels: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cuts the images into two stratified random halves, in which the numbers of a class differ by one image at most.

    Args:
        labels: Class of every image, int64 of shape (n,).
        seed: Which halves these are.

    Returns:
        The indices of each half, ascending; together they are all images, and none is in both.
    """
    shuffled = np.random.RandomState(seed).permutation(len(labels))
    by_class = torch.from_numpy(shuffled[np.argsort(labels.numpy()[shuffled], kind="stable")])
    return by_class[::2].sort().values, by_class[1::2].sort().values  # class by class they are dealt out in turn


def sample(labels: torch.Tensor, size: int, seed: int, num_classes: int, role: str = "train") -> torch.Tensor:
    """A stratified random sample of the images, for short runs.

    Returns:
        Ascending indices, int64 of shape (min(size, n),).

    Raises:
        ScansearchError: If there would not be one image a class.
    """
    if size < num_classes:
        raise ScansearchError(
            f"the limit on {NOUN[role]} images must be at least the number of classes ({num_classes}), but got {size}"
        )
    return stratified_order(labels, seed)[:size].sort().values
