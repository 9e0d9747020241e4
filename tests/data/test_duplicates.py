from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

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


def test_one_line_or_a_refusal(tmp_path: Path, write_images) -> None:
    for part in ("train", "val", "test"):
        write_images(tmp_path / part, {"a": 4, "b": 4})
    for path in (tmp_path / "val").rglob("*.png"):
        path.write_bytes(b"")
    for part in ("val", "test"):
        for place, path in enumerate((tmp_path / part).rglob("*.png")):
            from PIL import Image

            Image.new("RGB", (10, 12), (place, 1 if part == "val" else 2, 0)).save(path)
    assert IMAGE_FOLDER.load(tmp_path).notes == ()
    shutil.copy(tmp_path / "train" / "a" / "2.png", tmp_path / "val" / "b" / "other.png")
    (found,) = IMAGE_FOLDER.load(tmp_path).notes
    assert found.startswith("1 validation or test image is also in another part")
    assert f"{tmp_path}/val/b/other.png = {tmp_path}/train/a/2.png" in found
    with pytest.raises(ScansearchError, match=r"must not share an image, but 1 .*refuse_duplicates=false") as caught:
        IMAGE_FOLDER.load(tmp_path, refuse_duplicates=True)
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
