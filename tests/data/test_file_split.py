from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scansearch.data import FileSplit, Split
from scansearch.data.file_split import decode
from scansearch.errors import ScansearchError


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_scales_the_shorter_side_and_crops_about_the_centre(tmp_path: Path) -> None:
    pixels = np.zeros((40, 80), dtype=np.uint8)
    pixels[:, 20:60] = 200
    for side in (40, 20, 80):
        found = decode(save(tmp_path / "wide.png", pixels), side, side)
        assert found.shape == (side, side, 3)
        assert found[:, 2:-2].min() >= 190


def test_a_thin_picture_does_not_fill_the_memory(tmp_path: Path) -> None:
    assert decode(save(tmp_path / "thin.png", np.zeros((1, 20_000), dtype=np.uint8)), 224, 224).shape == (224, 224, 3)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_every_usual_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    Image.new("RGB", (9, 9), (255, 255, 255)).convert(mode).save(tmp_path / "image.tif")
    assert decode(tmp_path / "image.tif", 9, 9).min() == 255


def test_sixteen_bits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScansearchError, match="8 bits a channel"):
        decode(save(tmp_path / "deep.png", np.full((8, 8), 4000, dtype=np.uint16)), 8, 8)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".gif", ".tif"])
@pytest.mark.parametrize("kept", [0, 0.1, 0.6])
def test_a_truncated_image_is_named(tmp_path: Path, suffix: str, kept: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(tmp_path / f"image{suffix}", pixels)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    split = FileSplit(tmp_path, (path.name,), torch.tensor([0]), (32, 32))
    with pytest.raises(ScansearchError, match=f"image{suffix} cannot be decoded") as caught:
        split.batch(torch.tensor([0]))
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_flipped_byte_never_ends_in_a_traceback(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for suffix in (".png", ".jpg", ".gif", ".bmp", ".tif"):
        path = save(tmp_path / f"image{suffix}", random.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        whole = bytearray(path.read_bytes())
        for place in random.integers(0, len(whole), 40):
            damaged = bytearray(whole)
            damaged[place] ^= int(random.integers(1, 256))
            path.write_bytes(damaged)
            with suppress(ScansearchError):
                decode(path, 8, 8)


def test_a_file_that_vanished(tmp_path: Path) -> None:
    with pytest.raises(ScansearchError, match="is gone"):
        decode(tmp_path / "image.png", 8, 8)


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_decoding_survives_a_fork(tmp_path: Path) -> None:
    split = FileSplit(tmp_path, (save(tmp_path / "0.png", np.zeros((6, 6), np.uint8)).name,), torch.tensor([0]), (6, 6))
    split.batch(torch.tensor([0]))
    child = os.fork()
    if child == 0:
        split.batch(torch.tensor([0]))
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
