"""Folders of images, a folder a class: with train, val and test, or one pile that is split."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.dataset import DatasetSpec
from scansearch.data.examine import examine
from scansearch.data.file_split import FileSplit
from scansearch.data.parts import Parts
from scansearch.data.roots import check_root, is_hidden, list_folder
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm", ".gif", ".tif", ".tiff")
FOLDERS = {"train": r"train(ing)?", "validation": r"val(id(ation)?)?|dev", "test": r"test(ing)?"}
"""Names of the parts' folders, in any case, with or without a following "set", "data" or "images"."""
LAYOUT = "a folder with one folder of images a class, or with such folders train, val and (if there is one) test"


def read_image_folder(root: Path | None) -> Parts:
    """Lists the images; they are checked once it is known which ones are used, and decoded when a batch asks for them.

    The classes are the folders of the training part, in alphabetical order. Hidden files and folders, and those that
    systems leave among one's own, are no images and no classes.

    Raises:
        ScansearchError: If the folders do not have the layout, a class is empty, or a split has a class of its own.
    """
    if root is None:
        raise ScansearchError(f"imagefolder needs --data-root: {LAYOUT}")
    folders = _split_folders(check_root(root, "imagefolder"))
    class_names = tuple(path.name for path in class_folders(folders["train"]))
    left: Counter[str] = Counter()
    splits: dict[str, Any] = {role: list_split(folder, class_names, left) for role, folder in folders.items()}
    return Parts(class_names=class_names, **splits, check=examine, notes=_notes(root, folders, left))


def _split_folders(root: Path) -> dict[str, Path]:
    named = {role: [path for path in class_folders(root) if part_of(path.name) == role] for role in FOLDERS}
    folders = {role: paths[0] for role, paths in named.items() if paths}
    # A class may be called "train": it holds images, not folders.
    if "train" in folders and any(class_folders(path) for path in named["train"]):
        for role, paths in named.items():
            if len(paths) > 1:
                raise ScansearchError(
                    f"imagefolder: {root} must hold one folder of {role} images, but holds "
                    f"{' and '.join(path.name for path in paths)}; merge them or rename one"
                )
        return folders
    _refuse_parts_without_training(root, named)
    if {path.name for path in class_folders(root)} <= {path.name for paths in named.values() for path in paths}:
        raise ScansearchError(f"imagefolder: {root} must hold a folder of images a class, but has none; give {LAYOUT}")
    return {"train": root}


def _refuse_parts_without_training(root: Path, named: dict[str, list[Path]]) -> None:
    for role in ("validation", "test"):
        for path in named[role]:
            if any(is_image(inner.name) for held in class_folders(path) for inner in list_folder(held)):
                raise ScansearchError(
                    f"imagefolder: {root} holds folders of {role} images in {path.name}, but no folder train of such folders; "
                    f"move the training classes into {root / 'train'}, or rename {path.name} if it is a class"
                )


def part_of(name: str) -> str | None:
    """The role of the part that a folder of this name holds, if it is the name of one."""
    plain = re.sub(r"[\W_]", "", name.casefold())
    return next((role for role, names in FOLDERS.items() if re.fullmatch(f"({names})(set|data|images)?", plain)), None)


def _notes(root: Path, folders: dict[str, Path], left: Counter[str]) -> tuple[str, ...]:
    """What was found in the folders and may not be what the user thinks."""
    notes = [*_like_parts(root)] if folders["train"] == root else [*_unused(root, folders)]
    if left:
        found = ", ".join(
            f"{count:,} {kind}" for kind, count in sorted(left.items(), key=lambda item: (-item[1], item[0]))
        )
        notes.append(f"imagefolder: not used in {root}: {found}; images end in {', '.join(EXTENSIONS)}")
    return tuple(notes)


def _unused(root: Path, folders: dict[str, Path]) -> Iterator[str]:
    if others := [path.name for path in class_folders(root) if path not in folders.values()]:
        used = " and ".join(path.name for path in folders.values())
        yield f"imagefolder: of {root}, {used} are used, but not {', '.join(others)}"


def _like_parts(root: Path) -> Iterator[str]:
    """Folders that hold the same folders and nothing else may be parts, whatever they are called."""
    holders: dict[tuple[str, ...], str] = {}
    for path in class_folders(root):
        inside = list_folder(path)
        names = tuple(inner.name for inner in inside if os.path.isdir(inner))
        if len(names) < max(2, len(inside)):
            continue
        if names in holders:
            yield (
                f"imagefolder: {holders[names]} and {path.name} are read as classes, though both hold the folders "
                f"{names[0]} and {names[1]}; if they are parts, call them train, val and test"
            )
            return
        holders[names] = path.name


def class_folders(folder: Path) -> list[Path]:
    """The folders in a folder, by name."""
    return [path for path in list_folder(folder) if os.path.isdir(path)]


def list_split(folder: Path, class_names: Sequence[str], left: Counter[str]) -> FileSplit:
    """The images of a part.

    Args:
        folder: Its folder, which holds one a class.
        class_names: The classes of the training part.
        left: Counts the files that are no images, or have no class.

    Raises:
        ScansearchError: If a class is empty or unknown, or there is none.
    """
    classes = class_folders(folder)
    unknown = sorted({path.name for path in classes} - set(class_names))
    if unknown:
        raise ScansearchError(f"every class must be in the training images, but {unknown[0]!r} is in {folder} only")
    if not classes:
        raise ScansearchError(f"imagefolder: {folder} must hold a folder a class, but holds none; give {LAYOUT}")
    files: list[str] = []
    labels: list[int] = []
    for path in classes:
        found = _list_images(path, folder, left)
        files += found
        labels += [class_names.index(path.name)] * len(found)
    if loose := [path for path in list_folder(folder) if is_image(path.name) and not os.path.isdir(path)]:
        left["in no class folder"] += len(loose)
    return FileSplit(folder, tuple(files), torch.tensor(labels, dtype=torch.int64))


def is_image(name: str) -> bool:
    """Whether a file is read as an image."""
    return name.lower().endswith(EXTENSIONS)


def _list_images(class_folder: Path, folder: Path, left: Counter[str]) -> list[str]:
    found = []
    visited: set[str] = set()
    for parent, inside, names in os.walk(class_folder, onerror=_refuse, followlinks=True):
        if (place := os.path.realpath(parent)) in visited:  # by a link, which may lead in a circle
            inside.clear()
            continue
        visited.add(place)
        inside[:] = sorted(name for name in inside if not is_hidden(name))
        shown = [name for name in names if not is_hidden(name)]
        found += [os.path.relpath(os.path.join(parent, name), folder) for name in shown if is_image(name)]
        left.update(os.path.splitext(name)[1].lower() or "without an ending" for name in shown if not is_image(name))
    if not found:
        raise ScansearchError(
            f"the class folder {class_folder} holds no image ({', '.join(EXTENSIONS)}); add some or remove it"
        )
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise ScansearchError(f"the folder {error.filename} cannot be read: {error.strerror}") from None


IMAGE_FOLDER = DatasetSpec(
    name="imagefolder",
    description="your own image files, a folder a class",
    read=read_image_folder,
    where=f"--data-root: {LAYOUT}",
    augment=AugmentSettings(shift=0.125, flip=0.5),
)
