from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scansearch.data.mask_folder import MASK_FOLDER, read_mask_folder
from scansearch.errors import ScansearchError
from tests.mask_images import NAMES, write_masked


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def pile(tmp_path: Path) -> Path:
    write_masked(tmp_path / "data", 20)
    return tmp_path / "data"


def test_one_pile_is_split_and_masks_stay_with_their_images(pile):
    data = MASK_FOLDER.load(pile)
    assert data.class_names == ("0", "1", "2")
    assert (data.shape.dense, data.image_size, data.channels) == (True, (16, 16), 3)
    splits = (data.train, data.validation, data.test)
    assert [len(split) for split in splits] == [14, 3, 3]
    assert len({file for split in splits for file in split.files}) == 20
    for split in splits:
        images, targets = split.batch(torch.tensor([2, 0]))
        assert (images.dtype, targets.dtype, targets.shape) == (torch.uint8, torch.int64, (2, 16, 16))
        for place, number in enumerate((2, 0)):
            stem = Path(split.files[number]).stem
            mask = np.asarray(Image.open(pile / "masks" / f"{stem}.png"))
            assert np.array_equal(targets[place].numpy(), mask)
            image = np.asarray(Image.open(pile / "images" / f"{stem}.png"))
            assert np.array_equal(images[place].permute(1, 2, 0).numpy(), image)


def test_classes_have_the_names_of_a_file(pile):
    (pile / "classes.txt").write_text("\n".join(NAMES))
    assert MASK_FOLDER.load(pile).class_names == NAMES
    (pile / "classes.txt").write_text("\n".join([*NAMES, "triangle"]))
    with pytest.raises(ScansearchError, match="every class needs training images, but class 'triangle' has none"):
        MASK_FOLDER.load(pile)


def test_given_parts_are_kept(tmp_path):
    for seed, part in enumerate(("train", "val", "test")):
        write_masked(tmp_path / part, 4 + seed, seed)
    data = MASK_FOLDER.load(tmp_path, image_size=8)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [4, 5, 6]
    assert data.validation.root == tmp_path / "val"
    images, targets = data.test.batch(torch.arange(6))
    assert (images.shape, targets.shape) == ((6, 3, 8, 8), (6, 8, 8))


def test_the_fingerprint_sees_masks(pile):
    before = MASK_FOLDER.load(pile).fingerprints
    mask = np.asarray(Image.open(pile / "masks" / "3.png")).copy()
    mask[5, 5] ^= 1
    Image.fromarray(mask).save(pile / "masks" / "3.png")
    after = MASK_FOLDER.load(pile).fingerprints
    assert sum(before[role] != after[role] for role in before) == 1


def test_images_and_masks_must_come_in_pairs(pile):
    (pile / "masks" / "7.png").unlink()
    with pytest.raises(ScansearchError, match=r"1 files have no mask in masks of the same name: images/7.png"):
        read_mask_folder(pile)
    (pile / "images" / "7.png").unlink()
    (pile / "images" / "8.png").rename(pile / "images" / "8.bmp")
    assert len(read_mask_folder(pile).train) == 19
    (pile / "images" / "8.jpg").write_bytes(b"")
    with pytest.raises(ScansearchError, match="one file '8', but holds two"):
        read_mask_folder(pile)


@pytest.mark.parametrize(
    ("values", "problem"),
    [((0, 255), "at least two classes, but hold 1 beside 255"), ((0, 2), "class '1' has none")],
)
def test_classes_are_numbers_without_a_gap(tmp_path, values, problem):
    write_masked(tmp_path, 6)
    for path in (tmp_path / "masks").iterdir():
        Image.fromarray(np.resize(np.array(values, np.uint8), (16, 16))).save(path)
    with pytest.raises(ScansearchError, match=problem):
        MASK_FOLDER.load(tmp_path)


def test_a_part_has_no_class_of_its_own(tmp_path):
    write_masked(tmp_path / "train", 6)
    write_masked(tmp_path / "val", 2)
    Image.fromarray(np.full((16, 16), 3, np.uint8)).save(tmp_path / "val" / "masks" / "1.png")
    with pytest.raises(ScansearchError, match="0 to 2, but the validation part holds 3"):
        MASK_FOLDER.load(tmp_path)


def test_a_mask_of_another_size_is_refused(pile):
    Image.fromarray(np.zeros((16, 15), np.uint8)).save(pile / "masks" / "3.png")
    with pytest.raises(ScansearchError, match="images/3.png has 16 x 16 pixels, but its mask masks/3.png has 16 x 15"):
        MASK_FOLDER.load(pile)


def test_damaged_masks_and_images_are_named_or_left_out(pile):
    (pile / "masks" / "3.png").write_bytes(b"no mask")
    with pytest.raises(ScansearchError, match="1 masks cannot be used: .*3.png"):
        MASK_FOLDER.load(pile)
    (pile / "images" / "4.png").write_bytes(b"no image")
    data = MASK_FOLDER.load(pile, skip_damaged=True)
    splits = (data.train, data.validation, data.test)
    assert sum(map(len, splits)) == 18
    assert [note.partition(":")[0] for note in data.notes] == ["left out", "left out"]
    for split in splits:
        assert [Path(file).stem for file in split.files] == [Path(mask).stem for mask in split.masks]


def test_a_folder_of_another_layout_is_refused(tmp_path):
    with pytest.raises(ScansearchError, match="needs --data-root"):
        read_mask_folder(None)
    (tmp_path / "images").mkdir()
    with pytest.raises(ScansearchError, match="holds neither images and masks nor train"):
        read_mask_folder(tmp_path)
    (tmp_path / "train" / "images").mkdir(parents=True)
    with pytest.raises(ScansearchError, match="train must hold the folders images and masks"):
        read_mask_folder(tmp_path)
    (tmp_path / "training").mkdir()
    with pytest.raises(ScansearchError, match="one folder a part, but holds train and training"):
        read_mask_folder(tmp_path)


def test_no_image_is_said(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    with pytest.raises(ScansearchError, match="holds no image"):
        read_mask_folder(tmp_path)
