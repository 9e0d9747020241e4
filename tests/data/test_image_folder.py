from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scansearch.data.image_folder import IMAGE_FOLDER, read_image_folder
from scansearch.errors import ScansearchError


def test_one_pile_is_split(tmp_path: Path, write_images) -> None:
    write_images(tmp_path, {"cat": 10, "ant": 12})
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "README").write_text("no folder")
    data = IMAGE_FOLDER.load(tmp_path)
    assert data.class_names == ("ant", "cat")
    assert (data.channels, data.image_size) == (3, (12, 10))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [16, 3, 3]
    assert len({*data.train.files, *data.validation.files, *data.test.files}) == 22
    for file, label in zip(data.train.files, data.train.labels.tolist(), strict=True):
        assert file.startswith(data.class_names[label])


def test_given_splits_are_kept(tmp_path: Path, write_images) -> None:
    write_images(tmp_path / "train", {"a": 10, "b": 10})
    write_images(tmp_path / "val", {"b": 2})
    data = IMAGE_FOLDER.load(tmp_path)
    assert data.validation.root == tmp_path / "val"
    assert data.validation.labels.tolist() == [1, 1]
    assert (len(data.train), len(data.test)) == (18, 2)
    write_images(tmp_path / "test", {"a": 3, "b": 3})
    data = IMAGE_FOLDER.load(tmp_path)
    assert data.test.root == tmp_path / "test"
    assert len(data.train) == 20


def test_pixels_are_those_of_the_files(tmp_path: Path, write_images) -> None:
    write_images(tmp_path, {"a": 4, "b": 4})
    split = read_image_folder(tmp_path).train.resized(12, 10)
    images, labels = split.batch(torch.tensor([5, 0]))
    assert labels.tolist() == [1, 0]
    assert np.array_equal(images[0].permute(1, 2, 0).numpy(), np.asarray(Image.open(tmp_path / "b" / "1.png")))


def test_images_of_several_sizes_become_224_or_what_is_asked(tmp_path: Path, write_images) -> None:
    write_images(tmp_path / "a", {".": 4}, size=(20, 30))
    write_images(tmp_path / "b", {".": 4}, size=(30, 20))
    assert IMAGE_FOLDER.load(tmp_path).train.image_shape == (3, 224, 224)
    data = IMAGE_FOLDER.load(tmp_path, image_size=16)
    assert data.train.batch(torch.tensor([0, 1]))[0].shape == (2, 3, 16, 16)


def test_a_class_may_be_called_train(tmp_path: Path, write_images) -> None:
    write_images(tmp_path, {"train": 5, "bus": 5})
    assert read_image_folder(tmp_path).class_names == ("bus", "train")


def test_splits_without_classes_are_no_classes(tmp_path: Path, write_images) -> None:
    write_images(tmp_path, {"train": 5, "val": 5})
    with pytest.raises(ScansearchError, match="a folder of images a class"):
        read_image_folder(tmp_path)


def test_bad_layouts(tmp_path: Path, write_images) -> None:
    with pytest.raises(ScansearchError, match="needs --data-root"):
        IMAGE_FOLDER.load()
    with pytest.raises(ScansearchError, match="is empty"):
        IMAGE_FOLDER.load(tmp_path)
    (tmp_path / "0.png").touch()
    with pytest.raises(ScansearchError, match="a folder of images a class"):
        IMAGE_FOLDER.load(tmp_path)
    write_images(tmp_path, {"a": 5})
    with pytest.raises(ScansearchError, match="at least two classes"):
        IMAGE_FOLDER.load(tmp_path)
    (tmp_path / "b").mkdir()
    with pytest.raises(ScansearchError, match="b holds no image"):
        IMAGE_FOLDER.load(tmp_path)
    write_images(tmp_path, {"b": 2})
    with pytest.raises(ScansearchError, match="class 'b' has too few"):
        IMAGE_FOLDER.load(tmp_path)


def test_splits_that_disagree(tmp_path: Path, write_images) -> None:
    write_images(tmp_path / "train", {"a": 5, "b": 5})
    (tmp_path / "val").mkdir()
    with pytest.raises(ScansearchError, match="val must hold a folder a class"):
        IMAGE_FOLDER.load(tmp_path)
    write_images(tmp_path / "val", {"zebra": 1})
    with pytest.raises(ScansearchError, match=r"'zebra' is in .*val only"):
        IMAGE_FOLDER.load(tmp_path)


def test_hidden_files_and_folders_are_no_images(tmp_path: Path, write_images) -> None:
    write_images(tmp_path, {"a": 5, "b": 5})
    for name in (".ipynb_checkpoints", "__MACOSX", "@eaDir"):
        write_images(tmp_path / "a", {name: 2})
        write_images(tmp_path, {name: 2})
    for name in ("._0.png", ".DS_Store"):
        (tmp_path / "a" / name).write_bytes(b"no image")
    data = IMAGE_FOLDER.load(tmp_path)
    assert data.class_names == ("a", "b")
    assert sum(len(split) for split in (data.train, data.validation, data.test)) == 10
    assert data.notes == ()


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "valid", "test"),
        ("Train", "Val", "Test"),
        ("training_set", "validation-set", "TESTING"),
        ("TRAIN", "dev", "testset"),
    ],
)
def test_parts_by_other_spellings(tmp_path: Path, write_images, train: str, validation: str, test: str) -> None:
    for name, count in ((train, 5), (validation, 2), (test, 3)):
        write_images(tmp_path / name, {"a": count, "b": count})
    data = IMAGE_FOLDER.load(tmp_path)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [10, 4, 6]
    assert (data.validation.root.name, data.test.root.name) == (validation, test)


def test_two_spellings_of_one_part(tmp_path: Path, write_images) -> None:
    for name in ("train", "val", "valid"):
        write_images(tmp_path / name, {"a": 2, "b": 2})
    with pytest.raises(ScansearchError, match="one folder of validation images, but holds val and valid"):
        IMAGE_FOLDER.load(tmp_path)


def test_parts_that_nobody_would_call_so(tmp_path: Path, write_images) -> None:
    for name in ("first", "second"):
        write_images(tmp_path / name, {"a": 5, "b": 5})
    (note,) = read_image_folder(tmp_path).notes
    assert "first and second are read as classes, though both hold the folders a and b" in note


def test_a_class_may_hold_folders(tmp_path: Path, write_images) -> None:
    for name in ("cat", "dog"):
        write_images(tmp_path / name, {f"{name}-{day}": 5 for day in ("monday", "friday")})
    assert IMAGE_FOLDER.load(tmp_path).class_names == ("cat", "dog")
    assert read_image_folder(tmp_path).notes == ()


def test_links_to_folders_are_followed_once(tmp_path: Path, write_images) -> None:
    write_images(tmp_path / "elsewhere", {"a": 3})
    write_images(tmp_path / "photos", {"a": 5, "b": 5})
    (tmp_path / "photos" / "a" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "a" / "again").symlink_to(tmp_path / "photos" / "a")
    (tmp_path / "elsewhere" / "circle").symlink_to(tmp_path / "photos" / "a")
    assert len(read_image_folder(tmp_path / "photos").train) == 13


def test_folders_beside_the_parts_are_named(tmp_path: Path, write_images) -> None:
    for name in ("train", "test", "unlabelled"):
        write_images(tmp_path / name, {"a": 5, "b": 5} if name != "test" else {"a": 1, "b": 1})
    assert "train and test are used, but not unlabelled" in IMAGE_FOLDER.load(tmp_path).notes[0]


def test_files_that_are_not_read_are_counted(tmp_path: Path, write_images) -> None:
    write_images(tmp_path, {"a": 5, "b": 5, ".": 1})
    for name in ("a/x.HEIC", "a/y.heic", "b/notes.txt", "b/Makefile", "b/Thumbs.db"):
        (tmp_path / name).touch()
    (note,) = IMAGE_FOLDER.load(tmp_path).notes
    assert "2 .heic, 1 .txt, 1 in no class folder, 1 without an ending; images end in .png" in note


@pytest.mark.parametrize(("part", "role"), [("test", "test"), ("Val", "validation"), ("dev_images", "validation")])
def test_a_part_without_train_is_no_class(tmp_path: Path, write_images, part: str, role: str) -> None:
    write_images(tmp_path, {"cat": 5, "dog": 5})
    write_images(tmp_path / part, {"cat": 5, "dog": 5})
    with pytest.raises(
        ScansearchError, match=f"holds folders of {role} images in {part}, but no folder train"
    ) as caught:
        read_image_folder(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_class_may_be_called_test(tmp_path: Path, write_images) -> None:
    write_images(tmp_path, {"test": 5, "val": 5, "bus": 5})
    assert read_image_folder(tmp_path).class_names == ("bus", "test", "val")
