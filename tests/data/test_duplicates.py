from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from scansearch.data import DatasetSpec, Parts, TensorSplit
from scansearch.data.duplicates import shared_images
from scansearch.data.image_folder import IMAGE_FOLDER
from scansearch.errors import ScansearchError


def split(*numbers: int) -> TensorSplit:
    images = torch.tensor(numbers, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()
    return TensorSplit(images, torch.arange(len(numbers)) % 2)


def test_every_later_copy_is_found_with_its_first() -> None:
    splits = {"train": split(1, 2, 2, 3), "validation": split(9, 2, 9), "test": split(5, 9, 1, 5)}
    assert shared_images(splits) == [
        (("train", 1), ("validation", 1)),
        (("validation", 0), ("test", 1)),
        (("train", 0), ("test", 2)),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three parts of eight images that all differ."""
    for number in range(24):
        path = tmp_path / ("train", "val", "test")[number // 8] / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10, 12), (number, 0, 0)).save(path)
    return tmp_path


def test_one_line_or_a_refusal(folder: Path) -> None:
    assert IMAGE_FOLDER.load(folder).notes == ()
    shutil.copy(folder / "train" / "a" / "2.png", folder / "val" / "b" / "other.png")
    (found,) = IMAGE_FOLDER.load(folder).notes
    assert found.startswith("1 validation or test image is also in another part")
    assert f"{folder}/val/b/other.png = {folder}/train/a/2.png" in found
    with pytest.raises(ScansearchError, match=r"must not share an image, but 1 .*refuse_duplicates=false") as caught:
        IMAGE_FOLDER.load(folder, refuse_duplicates=True)
    assert "\n" not in str(caught.value)


def test_copies_in_one_pile_are_named_by_their_place_in_it() -> None:
    images = torch.arange(40, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).clone()
    parts = Parts(TensorSplit(images, torch.arange(40) % 2), ("a", "b"))
    spec = DatasetSpec("pile", "a pile", lambda root: parts, "nowhere")
    plain = spec.load()
    assert plain.notes == ()
    aside, kept = (int(getattr(plain, role).images[0, 0, 0, 0]) for role in ("test", "train"))
    images[aside] = images[kept]
    (found,) = spec.load().notes
    assert f"image {aside} of the train part = image {kept} of the train part" in found


def test_copies_within_one_split_are_no_leak() -> None:
    assert shared_images({"train": split(1, 1), "validation": split(2, 2), "test": split(3, 3)}) == []
