"""Folders of images and of masks with equal names: with train, val and test, or one pile that is split."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.class_names import read_class_names
from scansearch.data.dataset import DatasetSpec
from scansearch.data.dense import IGNORED
from scansearch.data.examine import NAMED, examine
from scansearch.data.image_folder import EXTENSIONS, FOLDERS, part_of
from scansearch.data.mask_file import inspect_masks
from scansearch.data.mask_split import MaskSplit
from scansearch.data.parts import Parts, Progress
from scansearch.data.roots import check_root, list_folder
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

IMAGES, MASKS = "images", "masks"
LAYOUT = (
    f"a folder with {IMAGES}/ and {MASKS}/, or with folders train, val and (if there is one) test that hold these two"
)


def read_mask_folder(root: Path | None) -> Parts:
    """Lists the images and reads the masks; images are checked once it is known which ones are used, and decoded for a batch.

    Classes are the values 0, 1, ... in the masks of the training part, with names as ``read_class_names``; 255 is ignored.

    Raises:
        ScansearchError: If the folders do not have the layout, an image has no mask or a mask no image, or names are wrong.
    """
    if root is None:
        raise ScansearchError(f"maskfolder needs --data-root: {LAYOUT}")
    folders = _folders(check_root(root, "maskfolder"))
    read = {role: _read_split(folder) for role, folder in folders.items()}
    splits: dict[str, Any] = {role: split for role, (split, _) in read.items()}
    notes = tuple(dict.fromkeys(note for _, more in read.values() for note in more))
    names = read_class_names(root, _count_classes(splits["train"]))
    return Parts(class_names=names, **splits, check=_examine, notes=notes)


def _folders(root: Path) -> dict[str, Path]:
    if _holds_both(root):
        return {"train": root}
    named = {role: [path for path in list_folder(root) if part_of(path.name) == role] for role in FOLDERS}
    if twice := next((paths for paths in named.values() if len(paths) > 1), None):
        raise ScansearchError(
            f"maskfolder: {root} must hold one folder a part, but holds {' and '.join(path.name for path in twice)}; merge them"
        )
    folders = {role: paths[0] for role, paths in named.items() if paths}
    if "train" not in folders:
        raise ScansearchError(f"maskfolder: {root} holds neither {IMAGES} and {MASKS} nor train; give {LAYOUT}")
    if bare := [folder for folder in folders.values() if not _holds_both(folder)]:
        raise ScansearchError(f"maskfolder: {bare[0]} must hold the folders {IMAGES} and {MASKS}; give {LAYOUT}")
    return folders


def _holds_both(folder: Path) -> bool:
    return (folder / IMAGES).is_dir() and (folder / MASKS).is_dir()


def _read_split(folder: Path) -> tuple[MaskSplit, tuple[str, ...]]:
    images, masks = _by_stem(folder / IMAGES, EXTENSIONS), _by_stem(folder / MASKS, (".png",))
    if not images:
        raise ScansearchError(f"maskfolder: {folder / IMAGES} holds no image ({', '.join(EXTENSIONS)}); add some")
    for some, others, lacks in ((images, masks, f"mask in {MASKS}"), (masks, images, f"image in {IMAGES}")):
        if alone := [name for stem, name in some.items() if stem not in others]:
            raise ScansearchError(
                f"maskfolder: of {folder}, {len(alone):,} files have no {lacks} of the same name: {', '.join(alone[:NAMED])}"
                f"{', ...' if len(alone) > NAMED else ''}; add or remove the one or the other"
            )
    stems = sorted(images)
    files = tuple(masks[stem] for stem in stems)
    found, notes = inspect_masks(folder, files)
    labels = torch.zeros(len(stems), dtype=torch.int64)
    split = MaskSplit(folder, tuple(images[stem] for stem in stems), labels, masks=files, found=found)
    return split, notes


def _by_stem(folder: Path, extensions: Sequence[str]) -> dict[str, str]:
    """Files of a folder by their name without ending; paths begin with the folder's own name."""
    found: dict[str, str] = {}
    for path in list_folder(folder):
        if path.suffix.lower() not in extensions:
            continue
        if path.stem in found:
            raise ScansearchError(f"maskfolder: {folder} must hold one file {path.stem!r}, but holds two; rename one")
        found[path.stem] = os.path.join(folder.name, path.name)
    return found


def _count_classes(train: MaskSplit) -> int:
    present = train.classes()
    if len(present) < 2 and not any(mask.damage for mask in train.found):
        raise ScansearchError(
            f"maskfolder: the masks of {train.root} must hold at least two classes, but hold {len(present)} beside {IGNORED}, which "
            "is ignored; write classes as 0, 1, 2, ..."
        )
    return max(present, default=0) + 1


def _examine(
    splits: dict[str, MaskSplit], skip_damaged: bool, progress: Progress
) -> tuple[dict[str, MaskSplit], tuple[str, ...]]:
    """As ``examine``, once the masks are known to be sound; an image and its mask must have one size."""
    splits, notes = _with_sound_masks(splits, skip_damaged)
    examined, more = examine(dict(splits), skip_damaged, progress)  # its splits are copies of these, with fewer files
    done: dict[str, Any] = examined
    for split in done.values():
        for file, mask, seen, found in zip(split.files, split.masks, split.seen, split.found, strict=True):
            if (seen.height, seen.width) != (found.height, found.width):
                raise ScansearchError(
                    f"maskfolder: {split.root / file} has {seen.height} x {seen.width} pixels, but its mask {mask} has {found.height} "
                    f"x {found.width}; an image, turned upright, and its mask have one size"
                )
    return done, (*notes, *more)


def _with_sound_masks(splits: dict[str, MaskSplit], skip: bool) -> tuple[dict[str, MaskSplit], tuple[str, ...]]:
    damaged = [line for split in splits.values() for line in _damaged(split)]
    if not damaged:
        return splits, ()
    line = (
        f"{len(damaged):,} masks cannot be used: {', '.join(damaged[:NAMED])}{', ...' if len(damaged) > NAMED else ''}"
    )
    if not skip:
        raise ScansearchError(f"{line}; replace or remove them; a run with skip_damaged=true leaves them out")
    sound = {role: [i for i, mask in enumerate(split.found) if not mask.damage] for role, split in splits.items()}
    if empty := [role for role, places in sound.items() if not places]:
        raise ScansearchError(f"{empty[0]} must hold a mask that can be used, but all are damaged; replace them")
    return {role: split.subset(torch.tensor(sound[role])) for role, split in splits.items()}, (f"left out: {line}",)


def _damaged(split: MaskSplit) -> Iterator[str]:
    pairs = zip(split.masks, split.found, strict=True)
    return (f"{split.root / name} ({mask.damage})" for name, mask in pairs if mask.damage)


MASK_FOLDER = DatasetSpec(
    name="maskfolder",
    description="your own image files, each with a mask: a class for every pixel",
    read=read_mask_folder,
    where=f"--data-root: {LAYOUT}",
    augment=AugmentSettings(shift=0.125, flip=0.5),
)
