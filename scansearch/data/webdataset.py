"""WebDataset shards: tar archives in which files of one name and several endings are a sample.

They are read as they are laid out, at random places rather than as a stream: the ``webdataset`` package shuffles what passes through a
buffer, so that a batch would depend on the number of readers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.class_names import read_class_names
from scansearch.data.dataset import DatasetSpec
from scansearch.data.encoded import EncodedSplit
from scansearch.data.image_folder import FOLDERS
from scansearch.data.inspection_cache import InspectionCache
from scansearch.data.large import EVALUATION_CROP, large_parts
from scansearch.data.parts import Parts
from scansearch.data.roots import check_root, list_folder
from scansearch.data.shard import Indexed, ShardImages, index_shard
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

LAYOUT = (
    "a folder of .tar shards with an image (.jpg, .png ...) and a class (.cls, or .json with label) a sample, named train-000000.tar, "
    "val-..., test-... or in folders of these names"
)


def read_webdataset(root: Path | None) -> Parts:
    """Lists the samples of all shards; what was found in a shard is remembered until it changes.

    The names of the classes are as ``read_class_names``. Roles as ``large_parts``; a part whose labels are all -1 is not used.

    Raises:
        ScansearchError: If there are no shards, one is damaged or compressed, or a sample has no image or no class.
    """
    if root is None:
        raise ScansearchError(f"webdataset needs --data-root: {LAYOUT}")
    shards = _shards(check_root(root, "webdataset"))
    cache = InspectionCache(root)
    splits, notes = {}, []
    for role, paths in shards.items():
        split = _split(root, paths, cache)
        if role != "train" and bool((split.labels == -1).all()):
            notes.append(f"webdataset: the {role} part has no labels and is not used")
        else:
            splits[role] = split
    notes += cache.save()
    names = read_class_names(root, 1 + max(splits["train"].labels.tolist(), default=-1))
    return large_parts("webdataset", splits, names, tuple(notes))


def _shards(root: Path) -> dict[str, list[str]]:
    """The shards of each role, relative to the root."""
    inside = [path for folder in (root, *filter(Path.is_dir, list_folder(root))) for path in list_folder(folder)]
    if packed := [path for path in inside if re.search(r"\.(tar\.\w+|tgz)$", path.name)]:
        raise ScansearchError(
            f"webdataset: shards must not be compressed, but {packed[0]} is; unpack it to a plain .tar"
        )
    found = [path.relative_to(root) for path in inside if path.suffix == ".tar" and path.is_file()]
    roles: dict[str, list[str]] = {}
    for path in found:
        roles.setdefault(_role(path), []).append(str(path))
    if len(roles) > 1 and "" in roles:
        raise ScansearchError(
            f"webdataset: {root / roles[''][0]} must say whether it is of train, val or test; rename it"
        )
    if "" in roles:
        roles["train"] = roles.pop("")
    if "train" not in roles:
        raise ScansearchError(f"webdataset: {root} must hold shards of training images, but has none; give {LAYOUT}")
    return roles


def _role(path: Path) -> str:
    words = [word for part in (*path.parent.parts, path.stem) for word in re.split(r"[\W_]+", part.casefold())]
    found = {role for role, names in FOLDERS.items() for word in words if re.fullmatch(names, word)}
    if len(found) > 1:
        raise ScansearchError(
            f"webdataset: {path} must name one part, but names {' and '.join(sorted(found))}; rename it"
        )
    return next(iter(found), "")


def _split(root: Path, shards: Sequence[str], cache: InspectionCache) -> EncodedSplit:
    found = [cache.remembered(shard, root / shard, Indexed, index_shard) for shard in shards]
    counts = [len(shard.names) for shard in found]
    names = tuple(name for shard in found for name in shard.names)
    shard = np.repeat(np.arange(len(found)), counts)
    offsets, sizes, labels = (np.concatenate([np.array(s[i], dtype=np.int64) for s in found]) for i in (1, 2, 3))
    return EncodedSplit(ShardImages(root, tuple(shards), names, shard, offsets, sizes), torch.from_numpy(labels))


WEBDATASET = DatasetSpec(
    name="webdataset",
    description="your own images in WebDataset shards",
    read=read_webdataset,
    where=f"--data-root: {LAYOUT}",
    augment=AugmentSettings(crop_min=0.08, flip=0.5),
    large=True,
    evaluation_crop=EVALUATION_CROP,
)
