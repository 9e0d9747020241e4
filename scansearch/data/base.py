"""Data sets: what a reader hands over, how it becomes training, validation and test, and what the engine receives."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.dense import DenseSplit
from scansearch.data.holdout import NOUN, SPLIT_SEED, hold_out, sample
from scansearch.data.pixels import SAMPLE, channel_statistics
from scansearch.data.room import check_room
from scansearch.data.splits import Split, TensorSplit
from scansearch.errors import ScansearchError

SHARE_OF_ONE_PILE = 0.15
SHARE_OF_TRAINING = 0.1


@dataclass(frozen=True)
class Parts:
    """What a reader hands over: the parts as the data set ships them.

    Args:
        train: The training part, or all images there are.
        class_names: One name a class; for dense targets, one name a class of pixels.
        validation: The validation part, if the data set has one.
        test: The test part, if the data set has one.
    """

    train: Split
    class_names: tuple[str, ...]
    validation: Split | None = None
    test: Split | None = None


@dataclass(frozen=True)
class ImageData:
    """Images ready for a search: three splits that share no image, and what is known about them.

    Args:
        name: Name of the data set.
        train: Training images; the only ones that weights, alpha and statistics are learned from.
        validation: Images that measure a search while it runs.
        test: Images that no decision of a search may see.
        class_names: One name a class.
        mean: Mean of each channel of the training images, 0 to 1.
        std: Standard deviation likewise.
        fingerprints: SHA-256 of each split before scaling, by the name of the split.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprints: dict[str, str] = field(default_factory=dict)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of every image."""
        return self.train.image_shape[1:]

    @property
    def channels(self) -> int:
        """Colour channels of every image."""
        return self.train.image_shape[0]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all three splits: two runs with the same one saw the same images in the same roles."""
        return hashlib.sha256(repr(sorted(self.fingerprints.items())).encode()).hexdigest()


@dataclass(frozen=True)
class DatasetSpec:
    """A data set as registered: how to read it, and what suits it.

    Args:
        name: Name on the command line.
        description: One line for listings.
        read: From the data root (or None) to the parts; raises ScansearchError with one clear line.
        where: Where the data come from and how to get them, one line.
        augment: The augmentation that suits these images.
    """

    name: str
    description: str
    read: Callable[[Path | None], Parts]
    where: str
    augment: AugmentSettings = field(default_factory=AugmentSettings)

    def load(
        self,
        root: Path | str | None = None,
        *,
        seed: int = SPLIT_SEED,
        image_size: int | None = None,
        limit: int | None = None,
        validation_limit: int | None = None,
    ) -> ImageData:
        """Reads the data and sets validation and test images aside where the data set has none.

        Parts that are missing are taken from the training part, stratified: 15 % of it each if both are missing, and
        10 % if one is. Which images they are depends on the labels and ``seed`` alone. ``seed`` is the split seed: keep
        it fixed, also over runs with different training seeds, so that results compare.

        Args:
            root: Folder (or file) of the data.
            seed: The split seed, 0 to 2**32 - 1.
            image_size: Scale the images to this many pixels, high and wide; by default they keep their size.
            limit: Train on at most this many images (a stratified sample).
            validation_limit: Validate on at most this many images (a stratified sample). Test images are never fewer.

        Returns:
            The three splits, with mean and standard deviation of the training images.

        Raises:
            ScansearchError: If the data are missing, damaged or too few, or an argument is out of range.
        """
        limits = {"train": limit, "validation": validation_limit}
        _check_arguments(seed, image_size, limits)
        parts = self.read(None if root is None else Path(root))
        splits = _complete(self.name, parts, seed)
        for role, most in limits.items():
            if most is not None:
                kept = sample(splits[role].labels, most, seed, len(_image_classes(parts)), role)
                splits[role] = splits[role].subset(kept)
        fingerprints = {name: split.digest() for name, split in splits.items()}
        size = splits["train"].image_shape[1:] if image_size is None else (image_size, image_size)
        check_room(splits, *size)
        splits = {name: split.resized(*size) for name, split in splits.items()}
        mean, std = channel_statistics(splits["train"], None if isinstance(splits["train"], TensorSplit) else SAMPLE)
        return ImageData(
            self.name, **splits, class_names=parts.class_names, mean=mean, std=std, fingerprints=fingerprints
        )


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


def _check_arguments(seed: int, image_size: int | None, limits: Mapping[str, int | None]) -> None:
    if not 0 <= seed < 2**32:
        raise ScansearchError(f"the split seed must lie in 0 ... 2**32 - 1, but got {seed}")
    if image_size is not None and image_size < 1:
        raise ScansearchError(f"the image size must be at least 1 pixel, but got {image_size}")
    for role, limit in limits.items():
        if limit is not None and limit < 1:
            raise ScansearchError(f"the limit on {NOUN[role]} images must be at least 1, but got {limit}")


def _complete(name: str, parts: Parts, seed: int) -> dict[str, Split]:
    given = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    splits = {role: split for role, split in given.items() if split is not None}
    _check_parts(name, parts, splits)
    missing = [role for role in ("test", "validation") if role not in splits]
    share = SHARE_OF_ONE_PILE if len(missing) == 2 else SHARE_OF_TRAINING
    size = round(share * len(parts.train))
    for role in missing:
        train = splits["train"]
        stay, aside = hold_out(train.labels, size, seed, _image_classes(parts))
        splits["train"], splits[role] = train.subset(stay), train.subset(aside)
    return {role: splits[role] for role in given}


def _image_classes(parts: Parts) -> tuple[str, ...]:
    """Names of the classes by which images are divided; those of pixels may be others."""
    if not isinstance(parts.train, DenseSplit):
        return parts.class_names
    return tuple(map(str, range(int(parts.train.labels.max()) + 1)))


def _check_parts(name: str, parts: Parts, splits: dict[str, Split]) -> None:
    if len(parts.class_names) < 2:
        raise ScansearchError(f"{name}: a search needs at least two classes, but there is {len(parts.class_names)}")
    for role, split in splits.items():
        check_labels(split.labels, parts.class_names, f"the {role} part of {name}")
        if split.image_shape != parts.train.image_shape:
            raise ScansearchError(
                f"{name}: all images must have the same channels, height and width, but those of train have "
                f"{parts.train.image_shape} and those of {role} {split.image_shape}"
            )
    classes = parts.train.targets.flatten() if isinstance(parts.train, DenseSplit) else parts.train.labels
    check_labels(classes, parts.class_names, f"the train part of {name}")
    counts = torch.bincount(classes, minlength=len(parts.class_names))
    if int(counts.min()) == 0:
        empty = int(counts.argmin())
        raise ScansearchError(
            f"{name}: every class needs training images, but class {parts.class_names[empty]!r} has none"
        )
