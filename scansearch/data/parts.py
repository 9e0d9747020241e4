"""What a reader hands over, and what must hold of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from scansearch.data.dense import IGNORED, DenseTargets
from scansearch.data.splits import Split
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

Progress = Callable[[int, int], None]
"""Told how many images of how many were checked."""
Check = Callable[[dict[str, Any], bool, Progress], tuple[dict[str, Any], tuple[str, ...]]]


@dataclass(frozen=True)
class Parts:
    """What a reader hands over: the parts as the data set ships them.

    Args:
        train: The training part, or all images there are.
        class_names: One name a class; for dense targets, one name a class of pixels.
        validation: The validation part, if the data set has one.
        test: The test part, if the data set has one.
        notes: What the user should know, such as what was found and is not used, a line each.
        check: Images that were not read yet are checked here, once it is known which ones are used. Takes the splits by
            role, whether damaged images are left out, and whom to tell about progress; returns the splits and notes.
        most_held_out: At most so many training images are set aside for a part that is missing.
    """

    train: Split
    class_names: tuple[str, ...]
    validation: Split | None = None
    test: Split | None = None
    notes: tuple[str, ...] = ()
    check: Check | None = None
    most_held_out: int | None = None

    def splits(self) -> dict[str, Split]:
        """The parts there are, by role."""
        given = {"train": self.train, "validation": self.validation, "test": self.test}
        return {role: split for role, split in given.items() if split is not None}


def check_labels(labels: torch.Tensor, class_names: Sequence[str], source: str) -> None:
    """Checks that every label names a class.

    Args:
        labels: int64 of shape (n,).
        class_names: One name a class.
        source: What the labels were read from, for the message.

    Raises:
        ScansearchError: If there are no labels, or one is out of range.
    """
    if labels.dtype != torch.int64 or labels.ndim != 1 or len(labels) == 0:
        raise ScansearchError(f"{source} must hold at least one image, each with one integer label")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(class_names):
        raise ScansearchError(
            f"labels must lie in 0 ... {len(class_names) - 1} ({len(class_names)} classes), but {source} holds the "
            f"label {low if low < 0 else high}; the file is damaged or belongs to another data set"
        )


def check_splits(name: str, class_names: Sequence[str], splits: dict[str, Split]) -> None:
    """Checks what every search needs: two classes, labels that name them, one shape, training images of each class.

    Args:
        name: Name of the data set, for messages.
        class_names: One name a class.
        splits: The parts or splits, by role.

    Raises:
        ScansearchError: If one of these does not hold.
    """
    if len(class_names) < 2:
        raise ScansearchError(f"{name}: at least two classes are needed, but there is {len(class_names)}; add another")
    train = splits["train"]
    for role, split in splits.items():
        check_labels(split.labels, class_names, f"the {role} part of {name}")
        if split.image_shape != train.image_shape:
            raise ScansearchError(
                f"{name}: all images must have the same channels, height and width, but those of train have "
                f"{train.image_shape} and those of {role} {split.image_shape}"
            )
    if isinstance(train, DenseTargets):
        _check_dense(name, class_names, splits)
    present = set(train.classes() if isinstance(train, DenseTargets) else train.labels.unique().tolist())
    if missing := [text for number, text in enumerate(class_names) if number not in present]:
        raise ScansearchError(f"{name}: every class needs training images, but class {missing[0]!r} has none")


def _check_dense(name: str, class_names: Sequence[str], splits: dict[str, Split]) -> None:
    if len(class_names) > IGNORED:
        raise ScansearchError(f"{name}: pixels have at most {IGNORED} classes, but there are {len(class_names)}")
    for role, split in splits.items():
        if not isinstance(split, DenseTargets):
            raise ScansearchError(f"{name}: all parts must have a class for each pixel, but {role} has one an image")
        if unknown := [value for value in split.classes() if value >= len(class_names)]:
            raise ScansearchError(
                f"{name}: the classes of pixels are 0 to {len(class_names) - 1}, but the {role} part holds {unknown[0]}"
            )
