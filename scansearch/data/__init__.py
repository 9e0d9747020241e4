"""Data sets, their splits and augmentation. The data sets themselves are found through the registry.

Names are imported on first use: the settings of an augmentation are needed where torch is not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scansearch.data.augment import Augmentation
    from scansearch.data.augment_settings import AugmentSettings
    from scansearch.data.dataset import DatasetSpec, ImageData
    from scansearch.data.dense import DenseSplit
    from scansearch.data.file_split import FileSplit
    from scansearch.data.holdout import SPLIT_SEED
    from scansearch.data.parts import Parts
    from scansearch.data.pixels import normalise
    from scansearch.data.splits import Split, TensorSplit

__all__ = [
    "SPLIT_SEED",
    "AugmentSettings",
    "Augmentation",
    "DatasetSpec",
    "DenseSplit",
    "FileSplit",
    "ImageData",
    "Parts",
    "Split",
    "TensorSplit",
    "normalise",
]

_FILES = {
    "augment": ("Augmentation",),
    "augment_settings": ("AugmentSettings",),
    "dataset": ("DatasetSpec", "ImageData"),
    "dense": ("DenseSplit",),
    "file_split": ("FileSplit",),
    "holdout": ("SPLIT_SEED",),
    "parts": ("Parts",),
    "pixels": ("normalise",),
    "splits": ("Split", "TensorSplit"),
}


def __getattr__(name: str) -> Any:
    for file, names in _FILES.items():
        if name in names:
            return getattr(import_module(f"scansearch.data.{file}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
