"""Handwritten digits that come with scikit-learn: the default, real images without a download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
    table = _table()
    pixels = np.rint(table[:, :-1].reshape(-1, 8, 8) * (255 / GREY_LEVELS)).astype(np.uint8)
    split = TensorSplit(torch.from_numpy(pixels)[:, None], torch.from_numpy(table[:, -1].copy()))
    return Parts(split, tuple(str(digit) for digit in range(10)))


def _table() -> NDArray[np.int64]:
    """The 64 pixels of each image and its digit (1797, 65).

    They come from the file that ``load_digits`` reads, for an import of scikit-learn takes over a second; where a version of it keeps the
    file in another place, from ``load_digits``.
    """
    spec = find_spec("sklearn")
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder, "datasets", "data", "digits.csv.gz")
        if file.is_file():
            return np.loadtxt(file, delimiter=",", dtype=np.int64)
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target]).astype(np.int64)


DIGITS = DatasetSpec(
    name="digits",
    description="1,797 handwritten digits, 8x8, grey, 10 classes",
    read=read_digits,
    where="comes with scikit-learn",
    bundled=True,
    # A mirrored digit is no digit; one pixel is an eighth of the image.
    augment=AugmentSettings(shift=0.125),
)
