"""Which images of which part become training, validation and test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scansearch.data.dense import is_dense
from scansearch.data.holdout import halves, hold_out, sample
from scansearch.data.parts import Parts
from scansearch.data.splits import Split
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

SHARE_OF_ONE_PILE = 0.15
SHARE_OF_TRAINING = 0.1
ROLES = ("train", "validation", "test")


class Portion(NamedTuple):
    """Images of one part.

    Args:
        part: Role of the part in the data set as shipped.
        indices: Which of its images, int64, ascending.
    """

    part: str
    indices: torch.Tensor

    def of(self, parts: Parts) -> Split:
        """The split that holds these images."""
        split = parts.splits()[self.part]
        return split if len(self.indices) == len(split) else split.subset(self.indices)


class Half(NamedTuple):
    """One of the two halves of the training images, and of the validation images; the test images are whole in both.

    Args:
        number: 1 or 2.
        seed: Which halves these are.
    """

    number: int
    seed: int


def divide(parts: Parts, seed: int, limits: Mapping[str, int | None], half: Half | None = None) -> dict[str, Portion]:
    """Takes missing parts from the training part, stratified: 15 % each of both, 10 % of one; then limits, then halves.

    Args:
        parts: The data set as shipped.
        seed: The split seed; with the labels, all that the division depends on.
        limits: Most images of a role, by role.
        half: Which half of the images that are then left; ``None`` is all of them.

    Returns:
        A portion for each role.

    Raises:
        ScansearchError: If a class has too few images, or a limit leaves less than one a class.
    """
    names, given = _image_classes(parts), parts.splits()
    portions = {role: Portion(role, torch.arange(len(split))) for role, split in given.items()}
    missing = [role for role in ("test", "validation") if role not in given]
    share = SHARE_OF_ONE_PILE if len(missing) == 2 else SHARE_OF_TRAINING
    size = round(share * len(parts.train))
    size = size if parts.most_held_out is None else min(size, parts.most_held_out)
    for role in missing:
        left = portions["train"].indices
        stay, aside = hold_out(parts.train.labels[left], size, seed, names)
        portions["train"], portions[role] = Portion("train", left[stay]), Portion("train", left[aside])
    for role, most in limits.items():
        if most is not None:
            part, indices = portions[role]
            kept = sample(given[part].labels[indices], most, seed, len(names), role)
            portions[role] = Portion(part, indices[kept])
    if half is not None:
        portions["train"] = _half(portions["train"], given, half, names)
        portions["validation"] = _half(portions["validation"], given, half, ())
    return {role: portions[role] for role in ROLES}


def _half(portion: Portion, given: Mapping[str, Split], half: Half, names: Sequence[str]) -> Portion:
    labels = given[portion.part].labels[portion.indices]
    counts = torch.bincount(labels, minlength=len(names))
    if len(labels) < 2 or (names and int(counts.min()) < 2):
        rare = f"class {names[int(counts.argmin())]!r} has too few training images" if names else "there is only one"
        raise ScansearchError(
            f"halves need two training images of each class and two validation images, but {rare}; take more images"
        )
    return Portion(portion.part, portion.indices[halves(labels, half.seed)[half.number - 1]])


def _image_classes(parts: Parts) -> tuple[str, ...]:
    """Names of the classes by which images are divided; those of pixels may be others."""
    if not is_dense(parts.train):
        return parts.class_names
    return tuple(map(str, range(int(parts.train.labels.max()) + 1)))
