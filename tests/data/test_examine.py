from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scansearch.data.image_folder import IMAGE_FOLDER
from scansearch.errors import ScansearchError


@pytest.fixture
def folder(tmp_path: Path, write_images) -> Path:
    for part, count in (("train", 8), ("val", 4), ("test", 4)):
        write_images(tmp_path / part, {"a": count, "b": count})
    return tmp_path


def damage(*paths: Path) -> None:
    for path in paths:
        path.write_bytes(path.read_bytes()[:-40])


def test_a_damaged_image_of_any_part_is_found_before_the_run(folder: Path) -> None:
    damage(folder / "val" / "b" / "3.png")
    with pytest.raises(
        ScansearchError, match=r"^1 of 32 images cannot be decoded: .*val/b/3\.png \(.*skip_damaged=true"
    ):
        IMAGE_FOLDER.load(folder)


def test_all_are_counted_and_a_few_are_named(folder: Path) -> None:
    damage(*(folder / "train" / "a").iterdir(), folder / "test" / "a" / "0.png")
    with pytest.raises(ScansearchError, match="9 of 32 images cannot be decoded") as caught:
        IMAGE_FOLDER.load(folder)
    assert str(caught.value).count(".png (") == 3
    assert ", ...; replace" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_images_are_left_out_if_asked_to(folder: Path) -> None:
    whole = IMAGE_FOLDER.load(folder)
    damage(folder / "val" / "b" / "3.png", folder / "train" / "a" / "0.png")
    data = IMAGE_FOLDER.load(folder, skip_damaged=True)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [15, 7, 8]
    assert data.notes[0].startswith("left out: 2 of 32 images cannot be decoded: ")
    assert set(data.train.files) == set(whole.train.files) - {"a/0.png"}
    for split in (data.train, data.validation, data.test):
        split.batch(torch.arange(len(split)))
    assert data.fingerprint != whole.fingerprint


def test_leaving_out_does_not_divide_the_rest_anew(tmp_path: Path, write_images) -> None:
    write_images(tmp_path, {"a": 20, "b": 20})
    whole = IMAGE_FOLDER.load(tmp_path)
    damage(tmp_path / whole.train.files[0])
    data = IMAGE_FOLDER.load(tmp_path, skip_damaged=True)
    assert data.train.files == whole.train.files[1:]
    assert (data.validation.files, data.test.files) == (whole.validation.files, whole.test.files)


def test_too_little_is_left(folder: Path) -> None:
    damage(*(folder / "train" / "a").iterdir())
    with pytest.raises(ScansearchError, match="class 'a' has none"):
        IMAGE_FOLDER.load(folder, skip_damaged=True)
    damage(*(folder / "val").rglob("*.png"))
    with pytest.raises(ScansearchError, match="validation must hold an image, but all 8 are damaged"):
        IMAGE_FOLDER.load(folder, skip_damaged=True)


def test_only_what_is_used_is_read(folder: Path) -> None:
    used = {*IMAGE_FOLDER.load(folder, limit=4).train.files}
    damage(*(folder / "train" / file for file in IMAGE_FOLDER.load(folder).train.files if file not in used))
    told: list[tuple[int, int]] = []
    IMAGE_FOLDER.load(folder, limit=4, progress=lambda done, most: told.append((done, most)))
    assert told == [(4, 20), (12, 20), (20, 20)]


def test_sixteen_bit_images_are_taken_as_they_are(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(10):
            Image.fromarray(random.integers(0, 65536, (6, 6), dtype=np.uint16)).save(tmp_path / name / f"{i}.png")
    data = IMAGE_FOLDER.load(tmp_path)
    assert (data.channels, data.image_size) == (1, (6, 6))
    images, _ = data.train.batch(torch.arange(len(data.train)))
    assert data.mean[0] == pytest.approx(float(images.double().mean()), abs=1e-6)
    assert data.std[0] == pytest.approx(float(images.double().std(correction=0)), abs=1e-6)
    Image.fromarray(np.zeros((6, 6), np.uint8)).save(tmp_path / "b" / "3.png")
    with pytest.raises(
        ScansearchError, match=r"8 bits a channel, or all be grey .*b/3\.png is of the first kind and .*\.png of the"
    ):
        IMAGE_FOLDER.load(tmp_path)
