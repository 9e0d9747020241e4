"""Data sets: how they are found, read and made ready, and what a search receives."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.dense import is_dense
from scansearch.data.division import Half, divide
from scansearch.data.duplicates import describe_shared
from scansearch.data.encoded import EncodedSplit
from scansearch.data.file_split import FileSplit
from scansearch.data.holdout import NOUN, SPLIT_SEED
from scansearch.data.memory_limit import check_memory
from scansearch.data.parts import Parts, Progress, check_splits
from scansearch.data.splits import Split, TensorSplit
from scansearch.data.statistics import SAMPLE, channel_statistics
from scansearch.errors import ScansearchError
from scansearch.shape import ImageShape

LEAST_CROP = 0.1


@dataclass(frozen=True)
class ImageData:
    """Images ready for a search: three splits, and what is known about them.

    Args:
        name: Name of the data set.
        train: Training images; the only ones that weights, alpha and statistics are learned from.
        validation: Images that measure a search while it runs.
        test: Images that no decision of a search may see.
        class_names: One name a class.
        mean: Mean of each channel of the training images; 0 to 1 if they are bytes, else in the images' own units.
        std: Standard deviation likewise.
        fingerprints: SHA-256 of each split before scaling, by the name of the split.
        notes: What the user should know about these images, a line each.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprints: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

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
    def shape(self) -> ImageShape:
        """What a network for these images is built for."""
        return ImageShape(*self.image_size, self.channels, self.num_classes, is_dense(self.train))

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
        bundled: Whether the data come with an installed package: then they are there without a data root, and listings need
            not read them to find that out.
        large: Whether a run does not look at every image before its first step: damaged ones and copies are looked for if asked.
        evaluation_crop: What is usual for ``load``.
        find: Finds the files without reading them, for listings; errors as ``read``. ``None``: they are read.
    """

    name: str
    description: str
    read: Callable[[Path | None], Parts]
    where: str
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    bundled: bool = False
    large: bool = False
    evaluation_crop: float = 1.0
    find: Callable[[Path | None], object] | None = None

    def load(
        self,
        root: Path | str | None = None,
        *,
        seed: int = SPLIT_SEED,
        image_size: int | None = None,
        limit: int | None = None,
        validation_limit: int | None = None,
        half: Half | None = None,
        skip_damaged: bool = False,
        refuse_duplicates: bool = False,
        evaluation_crop: float | None = None,
        progress: Progress = lambda done, total: None,
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
            half: Take this half of the training and validation images, rather than all.
            skip_damaged: Leave image files out that cannot be decoded, rather than refuse the data.
            refuse_duplicates: Refuse data in which training, validation and test share an image, rather than warn.
            evaluation_crop: Of validation and test images, crop the middle after scaling them to cover the image size divided by
                this, 0.1 to 1; ``None`` is what is usual for the data set. Images that have the size are left whole.
            progress: Told how many image files of how many were checked.

        Returns:
            The three splits, with mean and standard deviation of the training images.

        Raises:
            ScansearchError: If the data are missing, damaged or too few, or an argument is out of range.
        """
        limits = {"train": limit, "validation": validation_limit}
        _check_arguments(seed, image_size, limits)
        parts = self.read(None if root is None else Path(root))
        check_splits(self.name, parts.class_names, parts.splits())
        portions = divide(parts, seed, limits, half)
        splits = {role: portion.of(parts) for role, portion in portions.items()}
        notes = parts.notes
        if parts.check is not None:
            splits, more = parts.check(splits, skip_damaged, progress)
            check_splits(self.name, parts.class_names, splits)
            notes += more
        if refuse_duplicates or not self.large:
            notes += describe_shared(splits, portions, refuse_duplicates)
        fingerprints = {role: split.digest() for role, split in splits.items()}
        size = splits["train"].image_shape[1:] if image_size is None else (image_size, image_size)
        check_memory(splits, *size)
        crop = self.evaluation_crop if evaluation_crop is None else evaluation_crop
        splits = {name: split.resized(*size) for name, split in splits.items()}
        splits |= {role: _inner(self.name, splits[role], crop) for role in ("validation", "test") if crop != 1}
        mean, std = channel_statistics(splits["train"], None if isinstance(splits["train"], TensorSplit) else SAMPLE)
        names = parts.class_names
        return ImageData(
            self.name, **splits, class_names=names, mean=mean, std=std, fingerprints=fingerprints, notes=notes
        )


def _inner(name: str, split: Split, crop: float) -> Split:
    if not LEAST_CROP <= crop <= 1:
        raise ScansearchError(f"evaluation_crop must lie in {LEAST_CROP} ... 1, but got {crop}")
    if is_dense(split) or not isinstance(split, (FileSplit, EncodedSplit)):
        raise ScansearchError(
            f"evaluation_crop={crop:g} is for image files with a class each, but {name} has none; set it to 1"
        )
    return replace(split, inner=crop)


def _check_arguments(seed: int, image_size: int | None, limits: Mapping[str, int | None]) -> None:
    if not 0 <= seed < 2**32:
        raise ScansearchError(f"the split seed must lie in 0 ... 2**32 - 1, but got {seed}")
    if image_size is not None and image_size < 1:
        raise ScansearchError(f"the image size must be at least 1 pixel, but got {image_size}")
    for role, limit in limits.items():
        if limit is not None and limit < 1:
            raise ScansearchError(f"the limit on {NOUN[role]} images must be at least 1, but got {limit}")
