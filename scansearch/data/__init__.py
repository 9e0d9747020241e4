"""Data sets, their splits and augmentation. The data sets themselves are found through the registry."""

from scansearch.data.augment import Augmentation
from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.base import DatasetSpec, ImageData, Parts
from scansearch.data.file_split import FileSplit
from scansearch.data.holdout import SPLIT_SEED
from scansearch.data.pixels import normalise
from scansearch.data.splits import Split, TensorSplit

__all__ = [
    "SPLIT_SEED",
    "AugmentSettings",
    "Augmentation",
    "DatasetSpec",
    "FileSplit",
    "ImageData",
    "Parts",
    "Split",
    "TensorSplit",
    "normalise",
]
