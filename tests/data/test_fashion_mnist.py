from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from scansearch.data import fashion_mnist
from scansearch.data.fashion_mnist import FASHION_MNIST
from scansearch.errors import ScansearchError


@pytest.fixture(autouse=True)
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "debian"
    monkeypatch.setattr(fashion_mnist, "DEBIAN", folder)
    return folder


@pytest.fixture
def fill(write_idx):
    def write(folder: Path, suffix: str = "", joint: str = "-", offset: int = 0) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for part, count in (("train", 100), ("t10k", 20)):
            labels = np.arange(count) % 10
            images = np.broadcast_to(labels[:, None, None] + offset, (count, 6, 5))
            write_idx(folder / f"{part}-images{joint}idx3-ubyte{suffix}", images)
            write_idx(folder / f"{part}-labels{joint}idx1-ubyte{suffix}", labels)
        return folder

    return write


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("joint", ["-", "."])
@pytest.mark.parametrize("subfolder", [".", "FashionMNIST/raw"])
def test_files_in_the_usual_places(tmp_path: Path, fill, suffix: str, joint: str, subfolder: str) -> None:
    fill(tmp_path / "root" / subfolder, suffix, joint)
    data = FASHION_MNIST.load(tmp_path / "root")
    assert [len(split) for split in (data.train, data.validation, data.test)] == [90, 10, 20]
    assert (data.channels, data.image_size, data.num_classes) == (1, (6, 5), 10)
    images, labels = data.test.batch(torch.arange(20))
    assert torch.equal(images[:, 0, 0, 0].long(), labels)


def test_the_root_comes_before_debians_folder(tmp_path: Path, fill, debian: Path) -> None:
    fill(debian, ".gz", offset=100)
    assert int(FASHION_MNIST.load().test.batch(torch.tensor([0]))[0].max()) == 100
    fill(tmp_path / "root")
    assert int(FASHION_MNIST.load(tmp_path / "root").test.batch(torch.tensor([0]))[0].max()) == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("no images")
    assert int(FASHION_MNIST.load(tmp_path / "other").test.batch(torch.tensor([0]))[0].max()) == 100


def test_missing_says_where_and_how(tmp_path: Path, debian: Path) -> None:
    with pytest.raises(ScansearchError, match="dataset-fashion-mnist") as caught:
        FASHION_MNIST.load()
    assert str(debian) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_incomplete(tmp_path: Path, fill) -> None:
    folder = fill(tmp_path / "root")
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(ScansearchError, match="has no t10k-labels"):
        FASHION_MNIST.load(folder)


def test_counts_and_labels_are_checked(tmp_path: Path, fill, write_idx) -> None:
    folder = fill(tmp_path / "root")
    write_idx(folder / "t10k-labels-idx1-ubyte", np.arange(19) % 10)
    with pytest.raises(ScansearchError, match=r"20 images and .* 19 labels"):
        FASHION_MNIST.load(folder)
    write_idx(folder / "t10k-labels-idx1-ubyte", np.arange(20))
    with pytest.raises(ScansearchError, match=r"0 \.\.\. 9 .*label 19"):
        FASHION_MNIST.load(folder)


def test_bad_roots(tmp_path: Path, fill, debian: Path) -> None:
    fill(debian)
    (tmp_path / "empty").mkdir()
    for root, message in (("empty", "is empty"), ("missing", "there is no")):
        with pytest.raises(ScansearchError, match=message):
            FASHION_MNIST.load(tmp_path / root)
