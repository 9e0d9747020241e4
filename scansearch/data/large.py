"""Large data sets: which part plays which role, and what is looked at before a run, which is not every image."""

from __future__ import annotations

from functools import partial

from scansearch.data.encoded import SAMPLED, EncodedSplit
from scansearch.data.file_split import SIDE
from scansearch.data.inspection_cache import InspectionCache, Stamp, stamp_of
from scansearch.data.parts import Parts, Progress
from scansearch.data.threads import each
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

HELD_OUT = 50
"""Images a class that validate where the data set has no part left for that: 50,000 of ImageNet's, as many as its own val has."""
EVALUATION_CROP = 0.875
"""224 out of 256, by which accuracies on ImageNet are published."""
BLOCK = 1024
NAMED = 3


def large_parts(
    name: str, splits: dict[str, EncodedSplit], class_names: tuple[str, ...], notes: tuple[str, ...] = ()
) -> Parts:
    """The parts of a large data set as a search uses them.

    If there are validation images and no test images, the validation images are the test images: their labels are public, and
    published accuracies are of them. What validates a search is then taken from the training images.

    Args:
        name: Of the data set, for messages.
        splits: Its parts as shipped, by role.
        class_names: One name a class.
        notes: What the user should know so far.
    """
    parts = dict(splits)
    if "test" not in parts and "validation" in parts:
        parts["test"] = parts.pop("validation")
        notes += (
            f"{name}: the test images are the {len(parts['test']):,} of its validation part, which published accuracies are of; "
            f"the validation images are taken from the training images, at most {HELD_OUT} a class",
        )
    notes += (
        f"{name}: images are looked at when they are used: a damaged one stops the run then (skip_damaged=true finds them before), and "
        f"copies are looked for with refuse_duplicates=true; fingerprints are of names, sizes, labels and {SAMPLED} images a part",
    )
    held_out = HELD_OUT * len(class_names)
    return Parts(class_names=class_names, notes=notes, check=look_over, most_held_out=held_out, **parts)


def look_over(
    splits: dict[str, EncodedSplit], skip_damaged: bool, progress: Progress
) -> tuple[dict[str, EncodedSplit], tuple[str, ...]]:
    """Finds the size of the images, and the damaged ones if they are to be left out.

    If the sampled training images have one size of at most 224 x 224 pixels, that is the size of the data set; otherwise it is
    224 x 224.

    Args:
        splits: The splits, by role.
        skip_damaged: Decode all images, and leave those out that cannot be; what was found is remembered.
        progress: Told how many images of how many are done.

    Returns:
        The splits, and what the user should know.

    Raises:
        ScansearchError: If an image of the sample is damaged, or all of a split are.
    """
    notes: tuple[str, ...] = ()
    if skip_damaged:
        splits, notes = _without_damaged(splits, progress)
    sizes = set(each(lambda place: splits["train"].whole(place).shape[:2], splits["train"].sampled()))
    size = next(iter(sizes))
    size = size if len(sizes) == 1 and max(size) <= SIDE else (SIDE, SIDE)
    return {role: split.resized(*size) for role, split in splits.items()}, notes


def _without_damaged(
    splits: dict[str, EncodedSplit], progress: Progress
) -> tuple[dict[str, EncodedSplit], tuple[str, ...]]:
    total, done = sum(map(len, splits.values())), 0
    damaged: list[str] = []
    kept, notes = {}, dict[str, None]()
    for role, split in splits.items():
        found, failed = _damaged(split, partial(_tell, progress, done, total))
        notes |= dict.fromkeys(failed)
        done += len(split)
        damaged += [f"{split.source.name(place)} ({why})" for place, why in found.items()]
        good = [place for place in range(len(split)) if place not in found]
        if not good:
            raise ScansearchError(f"{role} must hold an image, but all {len(split):,} are damaged; replace them")
        kept[role] = split.subset(torch.tensor(good)) if found else split
    if damaged:
        more = ", ..." if len(damaged) > NAMED else ""
        left_out = (
            f"left out: {len(damaged):,} of {total:,} images cannot be decoded: {', '.join(damaged[:NAMED])}{more}"
        )
        notes[left_out] = None
    return kept, tuple(notes)


def _damaged(split: EncodedSplit, progress: Progress) -> tuple[dict[int, str], tuple[str, ...]]:
    """The damaged images and why; remembered until one of the files is written again."""
    cache, key, stamp = InspectionCache(split.source.root), f"damaged: {split.digest()}", _newest(split)
    if (known := cache.get(key, stamp)) is not None:
        return dict(known), ()
    found: dict[int, str] = {}
    for start in range(0, len(split), BLOCK):
        places = range(start, min(start + BLOCK, len(split)))
        found |= {place: why for place, why in zip(places, split.damage(places), strict=True) if why}
        progress(places.stop, len(split))
    cache.put(key, stamp, tuple(found.items()))
    return found, cache.save()


def _tell(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    progress(before + done, total)


def _newest(split: EncodedSplit) -> Stamp | None:
    """Bytes of all files together, and when one of them was last written and changed; None if one is missing."""
    stamps = [stamp_of(path) for path in split.source.files()]
    known = [stamp for stamp in stamps if stamp is not None]
    sizes, written, changed = zip(*known, strict=True)
    return (sum(sizes), max(written), max(changed)) if len(known) == len(stamps) else None
