"""Reading, hashing and decoding image files before a run, and asking only whether they changed."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
from PIL import Image

from benchmarks.comparison import Comparison
from scansearch.data.inspection import inspect

SETTLED = patch("scansearch.data.inspection_cache.SETTLED_NS", -(10**12))
KINDS = {"png": (64, 64, 256), "jpg": (500, 375, 64), "phone.jpg": (4000, 3000, 4)}
"""Width, height and number of the files."""


def run(repeats: int, *, tiny: bool = False) -> list[Comparison]:
    """Milliseconds of processor time a file, the first time and once they are remembered."""
    return [_compare(kind, *((8, 8, 2) if tiny else shape), repeats) for kind, shape in KINDS.items()]


def _compare(kind: str, width: int, height: int, count: int, repeats: int) -> Comparison:
    samples: dict[str, list[float]] = {"again": [], "first": []}
    with TemporaryDirectory() as folder:
        files = [f"{number}.{kind}" for number in range(count)]
        for number, file in enumerate(files):
            picture(width, height, number).save(Path(folder) / file)
        for repeat in range(repeats):
            # As if the files had been there for a while: findings about those that are newer are not kept.
            with patch.dict(os.environ, {"XDG_CACHE_HOME": str(Path(folder) / f"cache{repeat}")}), SETTLED:
                for name in ("first", "again"):
                    before = time.process_time()
                    inspect(Path(folder), files)
                    samples[name].append(1000 * (time.process_time() - before) / count)
    title = f"images: check of {count} {kind.removeprefix('phone.')} of {width} x {height}, processor time a file"
    return Comparison("images", kind, title, "ms", samples, {})


def picture(width: int, height: int, seed: int) -> Image.Image:
    """Smooth, with a little noise, as photographs are."""
    random = np.random.default_rng(seed)
    rough = random.integers(0, 256, (max(height // 16, 1), max(width // 16, 1), 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    noisy = smooth + random.integers(-8, 9, smooth.shape, dtype=np.int16)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
