"""Data sets, their splits and augmentation. The data sets themselves are found through the registry.

Names are imported on first use: the settings of an augmentation are needed where torch is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scansearch.lazy import first_used

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

__getattr__ = first_used(
    __name__,
    {
        "scansearch.data.augment": ("Augmentation",),
        "scansearch.data.augment_settings": ("AugmentSettings",),
        "scansearch.data.dataset": ("DatasetSpec", "ImageData"),
        "scansearch.data.dense": ("DenseSplit",),
        "scansearch.data.file_split": ("FileSplit",),
        "scansearch.data.holdout": ("SPLIT_SEED",),
        "scansearch.data.parts": ("Parts",),
        "scansearch.data.pixels": ("normalise",),
        "scansearch.data.splits": ("Split", "TensorSplit"),
    },
)
