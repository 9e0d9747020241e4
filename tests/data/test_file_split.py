from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scansearch.data import FileSplit, Split
from scansearch.errors import ScansearchError


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_the_protocol(tmp_path: Path) -> None:
    files = tuple(save(tmp_path / f"{i}.png", np.full((6, 6, 3), i, dtype=np.uint8)).name for i in range(40))
    split = FileSplit(tmp_path, files, torch.arange(40) % 2, (6, 6))
    assert isinstance(split, Split)
    order = torch.randperm(40)
    images, labels = split.batch(order)
    assert torch.equal(images[:, 0, 0, 0].long(), order)
    assert torch.equal(labels, order % 2)
    half = split.subset(torch.arange(20)).resized(3, 4)
    assert (len(half), half.image_shape) == (20, (3, 3, 4))
    assert half.digest() != split.digest()
    assert split.resized(3, 4).digest() == split.digest()


def test_the_digest_knows_paths_labels_and_bytes(tmp_path: Path) -> None:
    files = tuple(save(tmp_path / f"{i}.bmp", np.full((6, 6, 3), i, dtype=np.uint8)).name for i in range(3))
    split = FileSplit(tmp_path, files, torch.tensor([0, 1, 0]))
    digests = {
        split.digest(),
        FileSplit(tmp_path, files, torch.tensor([1, 1, 0])).digest(),
        split.subset(torch.tensor([2, 1, 0])).digest(),
    }
    before = (tmp_path / "1.bmp").stat()
    save(tmp_path / "1.bmp", np.full((6, 6, 3), 77, dtype=np.uint8))
    os.utime(tmp_path / "1.bmp", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (tmp_path / "1.bmp").stat().st_size == before.st_size
    digests.add(FileSplit(tmp_path, files, split.labels).digest())
    assert len(digests) == 4


def test_contents_are_pixels_whatever_the_format(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    files = tuple(save(tmp_path / name, pixels).name for name in ("a.png", "b.bmp", "c.tif"))
    files += (save(tmp_path / "d.png", np.ascontiguousarray(pixels.reshape(8, 6, 3))).name,)
    contents = FileSplit(tmp_path, files, torch.zeros(4, dtype=torch.int64)).contents
    assert contents[0] == contents[1] == contents[2] != contents[3]


def test_deep_images_are_one_channel_of_numbers(tmp_path: Path) -> None:
    files = tuple(save(tmp_path / f"{i}.png", np.full((6, 6), 300 * i, dtype=np.uint16)).name for i in range(4))
    split = FileSplit(tmp_path, files, torch.arange(4) % 2, (6, 6), deep=True)
    images, _ = split.batch(torch.tensor([3, 1]))
    assert (images.shape, images.dtype, split.image_shape) == ((2, 1, 6, 6), torch.float32, (1, 6, 6))
    assert images[:, 0, 0, 0].tolist() == [900, 300]
    with pytest.raises(ScansearchError, match="changed its bits a pixel"):
        FileSplit(tmp_path, files, split.labels).batch(torch.tensor([0]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_decoding_survives_a_fork(tmp_path: Path) -> None:
    split = FileSplit(tmp_path, (save(tmp_path / "0.png", np.zeros((6, 6), np.uint8)).name,), torch.tensor([0]), (6, 6))
    split.batch(torch.tensor([0]))
    child = os.fork()
    if child == 0:
        split.batch(torch.tensor([0]))
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
