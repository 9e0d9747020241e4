"""Tiny data sets on disk."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scansearch.data import Parts, TensorSplit


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "scansearch"


@pytest.fixture
def write_idx() -> Callable[[Path, np.ndarray], Path]:
    def write(path: Path, array: np.ndarray) -> Path:
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        data = header + array.astype(np.uint8).tobytes()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return path

    return write


@pytest.fixture
def write_images() -> Callable[..., None]:
    def write(root: Path, classes: dict[str, int], size: tuple[int, int] = (12, 10), suffix: str = ".png") -> None:
        random = np.random.default_rng(0)
        for name, count in classes.items():
            (root / name).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / name / f"{number}{suffix}")

    return write


@pytest.fixture
def make_split() -> Callable[..., TensorSplit]:
    def make(counts: list[int], shape: tuple[int, int, int] = (1, 4, 4), seed: int = 0) -> TensorSplit:
        """A split with counts[c] images of class c, shuffled; the images are random."""
        generator = torch.Generator().manual_seed(seed)
        labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
        labels = labels[torch.randperm(len(labels), generator=generator)]
        images = torch.randint(0, 256, (len(labels), *shape), generator=generator).to(torch.uint8)
        return TensorSplit(images, labels)

    return make


@pytest.fixture
def make_parts(make_split: Callable[..., TensorSplit]) -> Callable[..., Parts]:
    def make(counts: list[int], **others: TensorSplit) -> Parts:
        return Parts(make_split(counts), tuple(f"class{number}" for number in range(len(counts))), **others)

    return make
