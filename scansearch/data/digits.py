"""Handwritten digits that come with scikit-learn: the default, real images without a download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.dataset import DatasetSpec
from scansearch.data.parts import Parts
from scansearch.data.splits import TensorSplit
from scansearch.errors import ScansearchError
from scansearch.lazy import torch

GREY_LEVELS = 16


def read_digits(root: Path | None) -> Parts:
    """1,797 images of 8x8 pixels, one pile (Alpaydin and Kaynak, UCI, 1998).

    Raises:
        ScansearchError: If a data root is given: there is nothing to read there.
    """
    if root is not None:
        raise ScansearchError(
            f"digits come with scikit-learn and take no data root, but got {root}; leave it out, or search on your own "
            "images with --data imagefolder or --data npz"
        )
    rows = np.loadtxt(_file(), delimiter=",", dtype=np.int64)
    pixels = np.rint(rows[:, :-1].reshape(-1, 8, 8) * (255 / GREY_LEVELS)).astype(np.uint8)
    split = TensorSplit(torch.from_numpy(pixels)[:, None], torch.from_numpy(rows[:, -1].copy()))
    return Parts(split, tuple(str(digit) for digit in range(10)))


def _file() -> Path:
    """The table that ``sklearn.datasets.load_digits`` reads. Found without an import of scikit-learn, which takes over a second."""
    spec = find_spec("sklearn")
    folders = (spec and spec.submodule_search_locations) or ()
    found = [path for folder in folders if (path := Path(folder, "datasets", "data", "digits.csv.gz")).is_file()]
    if not found:
        raise ScansearchError(
            "the digits come with scikit-learn, which is not installed whole: pip install scikit-learn"
        )
    return found[0]


DIGITS = DatasetSpec(
    name="digits",
    description="1,797 handwritten digits, 8x8, grey, 10 classes",
    read=read_digits,
    where="comes with scikit-learn",
    bundled=True,
    # A mirrored digit is no digit; one pixel is an eighth of the image.
    augment=AugmentSettings(shift=0.125),
)
