"""The images that a run will use, read and decoded before its first step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from scansearch.data.file_split import SIDE, FileSplit
from scansearch.data.inspection import Inspection, inspect
from scansearch.data.parts import Progress
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

NAMED = 3


def examine(
    splits: dict[str, FileSplit], skip_damaged: bool, progress: Progress
) -> tuple[dict[str, FileSplit], tuple[str, ...]]:
    """Reads every file whole; finds the damaged ones, and the size and kind of the others.

    If all images have one size of at most 224 x 224 pixels, that is the size of the data set; otherwise it is 224 x 224.

    Args:
        splits: The splits, by role.
        skip_damaged: Leave damaged images out.
        progress: Told how many images of how many are done.

    Returns:
        The splits, inspected and without damaged images, and what the user should know.

    Raises:
        ScansearchError: If images are damaged and are not to be left out, or some have 8 bits a channel and some more.
    """
    splits, notes = _inspect(splits, progress)
    if damaged := _damaged(splits):
        total = sum(map(len, splits.values()))
        line = f"{len(damaged):,} of {total:,} images cannot be decoded: {', '.join(damaged[:NAMED])}"
        line += ", ..." if len(damaged) > NAMED else ""
        if not skip_damaged:
            raise ScansearchError(f"{line}; replace or remove them; a run with skip_damaged=true leaves them out")
        notes += (f"left out: {line}",)
        splits = {role: _without_damaged(role, split) for role, split in splits.items()}
    deep, size = _one_kind(splits), _one_size(splits)
    return {role: replace(split, size=size, deep=deep) for role, split in splits.items()}, notes


def _inspect(splits: dict[str, FileSplit], progress: Progress) -> tuple[dict[str, FileSplit], tuple[str, ...]]:
    total, done = sum(map(len, splits.values())), 0
    seen: dict[Path, dict[str, Inspection]] = {}
    notes: tuple[str, ...] = ()
    for root in {split.root: None for split in splits.values()}:  # splits of one pile have one root, and one memory
        files = [file for split in splits.values() if split.root == root for file in split.files]
        found, more = inspect(root, files, partial(_tell, progress, done, total))
        seen[root] = dict(zip(files, found, strict=True))
        done, notes = done + len(files), notes + more
    inspected = {
        role: replace(split, seen=tuple(seen[split.root][file] for file in split.files))
        for role, split in splits.items()
    }
    return inspected, notes


def _tell(progress: Progress, before: int, total: int, done: int) -> None:
    progress(before + done, total)


def _pairs(split: FileSplit) -> Iterator[tuple[str, Inspection]]:
    return zip(split.files, split.seen, strict=True)


def _damaged(splits: dict[str, FileSplit]) -> list[str]:
    return [
        f"{split.root / file} ({found.damage})"
        for split in splits.values()
        for file, found in _pairs(split)
        if found.damage
    ]


def _without_damaged(role: str, split: FileSplit) -> FileSplit:
    good = [place for place, found in enumerate(split.seen) if not found.damage]
    if not good:
        raise ScansearchError(f"{role} must hold an image, but all {len(split):,} are damaged; replace them")
    return split.subset(torch.tensor(good))


def _one_kind(splits: dict[str, FileSplit]) -> bool:
    example = {found.deep: split.root / file for split in splits.values() for file, found in _pairs(split)}
    if len(example) == 2:
        raise ScansearchError(
            f"all images must have 8 bits a channel, or all be grey of 16 or 32 bits or of signed numbers, but {example[False]} "
            f"is of the first kind and {example[True]} of the second; "
            "convert the ones to the kind of the others"
        )
    return True in example


def _one_size(splits: dict[str, FileSplit]) -> tuple[int, int]:
    sizes = {(found.height, found.width) for split in splits.values() for found in split.seen}
    size = next(iter(sizes))
    return size if len(sizes) == 1 and max(size) <= SIDE else (SIDE, SIDE)
