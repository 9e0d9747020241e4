"""Hugging Face data sets on this disk: as ``save_to_disk`` writes them, or a folder of parquet files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.dataset import DatasetSpec
from scansearch.data.encoded import EncodedSplit
from scansearch.data.image_file import DamagedImageError, read_file
from scansearch.data.image_folder import FOLDERS
from scansearch.data.inspection_cache import stamp_of
from scansearch.data.large import EVALUATION_CROP, large_parts
from scansearch.data.parts import Parts
from scansearch.data.roots import check_root
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

LAYOUT = (
    "a folder that datasets.save_to_disk wrote, or of .parquet files named by their part (train-00000.parquet ...), with a column of "
    "images and one of classes"
)
LABELS = ("label", "labels", "fine_label", "class")
"""Names of the column of classes, the first there is; otherwise it is the only one of type ClassLabel."""


@dataclass(frozen=True)
class TableImages:
    """Images that are rows of a table.

    Args:
        root: Folder of the data set; every process opens it once.
        part: Name of the part there.
        column: The column of images.
        rows: int64 (n,).
    """

    root: Path
    part: str
    column: str
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def files(self) -> Iterable[Path]:
        """The tables, of all parts."""
        return sorted(path for path in self.root.rglob("*") if path.suffix in (".arrow", ".parquet"))

    def select(self, places: np.ndarray) -> TableImages:
        """The source of these images only."""
        return TableImages(self.root, self.part, self.column, self.rows[places])

    def read(self, place: int) -> bytes:
        """The encoded image, from the table or from the file that it names; errors as ``read_file``."""
        cell = open_tables(self.root)[self.part][int(self.rows[place])][self.column]
        if cell is None:
            raise DamagedImageError(self.name(place), "the row has none")
        data: bytes | None = cell["bytes"]
        return read_file(self.root / cell["path"]) if data is None else data

    def name(self, place: int) -> Path:
        """Part and row."""
        return self.root / self.part / f"row {int(self.rows[place])}"

    def digest(self) -> str:
        """SHA-256 of names and sizes of the tables, and of the rows; how many bytes an image has is not known without reading."""
        tables = [(path.relative_to(self.root).as_posix(), (stamp_of(path) or (-1,))[0]) for path in self.files()]
        digest = hashlib.sha256(repr((tables, self.part, self.column)).encode(errors="surrogateescape"))
        digest.update(self.rows.astype("<i8").tobytes())
        return digest.hexdigest()


def read_hugging_face(root: Path | None) -> Parts:
    """Opens the tables; images stay in them. Roles as ``large_parts``; a part whose labels are all -1 is not used.

    Raises:
        ScansearchError: If the package ``datasets`` is missing, the folder is no such data set, or its columns are not known.
    """
    if root is None:
        raise ScansearchError(f"hf needs --data-root: {LAYOUT}")
    root = check_root(root, "hf").resolve()
    tables = open_tables(root)
    roles = _roles(root, tables)
    features = tables[roles["train"]].features
    image, label = _columns(root, features)
    splits, notes = {}, []
    for role, part in roles.items():
        labels = _labels(root, tables[part], label)
        if role != "train" and bool((labels == -1).all()):
            notes.append(f"hf: the part {part} has no labels and is not used")
        else:
            splits[role] = EncodedSplit(TableImages(root, part, image, np.arange(len(labels))), labels)
    names = getattr(features[label], "names", None) or map(str, range(int(splits["train"].labels.max()) + 1))
    return large_parts("hf", splits, tuple(names), tuple(notes))


@lru_cache(maxsize=4)
def open_tables(root: Path) -> Mapping[str, Any]:
    """The parts of a data set by name, their images not decoded; parquet is first turned into Arrow files in the package's cache.

    Raises:
        ScansearchError: If the package is missing, or it cannot open the folder.
    """
    try:
        import datasets
    except ImportError:
        raise ScansearchError('hf needs the package datasets; install it by pip install "scansearch[hf]"') from None
    datasets.disable_progress_bars()
    saved = any((root / name).exists() for name in ("dataset_dict.json", "state.json"))
    parquet = _parquet(root)
    if not saved and not parquet:
        raise ScansearchError(f"hf: {root} holds neither what save_to_disk writes nor parquet files; give {LAYOUT}")
    try:
        found = datasets.load_from_disk(str(root)) if saved else datasets.load_dataset("parquet", data_files=parquet)
    except Exception as error:  # the package and pyarrow raise whatever a damaged file makes them stumble over
        line = " ".join(str(error).split())[:200]
        raise ScansearchError(f"hf: {root} cannot be opened ({type(error).__name__}: {line}); save it again") from None
    tables = found if isinstance(found, datasets.DatasetDict) else {"train": found}
    return {part: _undecoded(table, datasets.Image(decode=False)) for part, table in tables.items()}


def _undecoded(table: Any, image: Any) -> Any:
    for name, feature in table.features.items():
        bytes_and_path = isinstance(feature, dict) and set(feature) == {
            "bytes",
            "path",
        }  # as other writers of parquet leave it
        if isinstance(feature, type(image)) or bytes_and_path:
            table = table.cast_column(name, image)
    return table.with_format(None)


def _parquet(root: Path) -> dict[str, list[str]]:
    """The parquet files of each part: the first word of folder or name that is one, otherwise all are of ``train``."""
    found: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*.parquet")):
        words = re.split(r"[\W_]+", "/".join(path.relative_to(root).parts).casefold())
        roles = [role for word in words for role, names in FOLDERS.items() if re.fullmatch(names, word)]
        found.setdefault(roles[0] if roles else "train", []).append(str(path))
    return found


def _roles(root: Path, tables: Mapping[str, Any]) -> dict[str, str]:
    roles: dict[str, str] = {}
    for part in tables:
        for role, names in FOLDERS.items():
            if re.fullmatch(names, part.casefold()):
                if role in roles:
                    raise ScansearchError(
                        f"hf: {root} must have one {role} part, but has {roles[role]} and {part}; take one out"
                    )
                roles[role] = part
    if "train" not in roles:
        raise ScansearchError(f"hf: {root} must have a part train, but has {', '.join(tables) or 'none'}")
    return roles


def _columns(root: Path, features: Mapping[str, Any]) -> tuple[str, str]:
    images = [name for name, feature in features.items() if type(feature).__name__ == "Image"]
    classes = [name for name, feature in features.items() if type(feature).__name__ == "ClassLabel"]
    named = [name for name in LABELS if name in features]
    if len(images) != 1 or not (named or len(classes) == 1):
        found = ", ".join(f"{name} ({type(feature).__name__})" for name, feature in features.items())
        raise ScansearchError(
            f"hf: {root} must have one column of images and one of classes, called label, but has {found}; remove or rename columns"
        )
    return images[0], (named or classes)[0]


def _labels(root: Path, table: Any, column: str) -> torch.Tensor:
    if column not in table.column_names:
        raise ScansearchError(f"hf: every part of {root} must have the column {column}; add it, or remove the part")
    values = np.asarray(table.select_columns([column]).with_format("numpy")[:][column])
    if values.dtype.kind not in "iu" or values.ndim != 1:
        raise ScansearchError(
            f"hf: the column {column} of {root} must hold whole numbers, but holds {values.dtype}; cast it to ClassLabel"
        )
    return torch.from_numpy(values.astype(np.int64))


HUGGING_FACE = DatasetSpec(
    name="hf",
    description="a Hugging Face data set on this disk",
    read=read_hugging_face,
    where=f"--data-root: {LAYOUT}",
    augment=AugmentSettings(crop_min=0.08, flip=0.5),
    large=True,
    evaluation_crop=EVALUATION_CROP,
)
