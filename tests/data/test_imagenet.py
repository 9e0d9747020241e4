"""ImageNet's folders: which part is what, and what is refused."""

import shutil

import pytest
import torch
from encoded_sets import CLASSES, SIZES, jpeg, write_imagenet

from scansearch.data import large
from scansearch.data.encoded import EncodedSplit
from scansearch.data.imagenet import IMAGENET
from scansearch.errors import ScansearchError


def test_val_is_the_test_part_and_training_images_validate(tmp_path):
    data = IMAGENET.load(write_imagenet(tmp_path))
    assert (len(data.train), len(data.validation), len(data.test)) == (27, 3, 12)
    assert data.class_names == CLASSES
    assert data.image_size == (224, 224)
    assert all(isinstance(split, EncodedSplit) for split in (data.train, data.validation, data.test))
    assert torch.bincount(data.validation.labels).tolist() == [1, 1, 1]
    assert not {*data.train.source.paths} & {*data.validation.source.paths}
    assert data.test.source.root.name == "val"
    assert "the test images are the 12 of its validation part" in data.notes[0]
    assert IMAGENET.load(tmp_path).fingerprint == data.fingerprint != IMAGENET.load(tmp_path, seed=1).fingerprint


def test_at_most_so_many_images_validate(tmp_path, monkeypatch):
    monkeypatch.setattr(large, "HELD_OUT", 2)
    data = IMAGENET.load(write_imagenet(tmp_path, train=120), image_size=16)
    assert (len(data.validation), len(data.train)) == (6, 114)


def test_small_images_of_one_size_keep_it(tmp_path):
    data = IMAGENET.load(write_imagenet(tmp_path, size=SIZES[0]))
    assert data.image_size == SIZES[0]


def test_images_are_not_looked_at_before_they_are_used_unless_asked(tmp_path, monkeypatch):
    monkeypatch.setattr("scansearch.data.encoded.SAMPLED", 2)
    monkeypatch.setattr("scansearch.data.dataset.SAMPLE", 2)
    write_imagenet(tmp_path)
    broken = tmp_path / "train" / "bee" / "0013.JPEG"
    broken.write_bytes(b"no image")
    shutil.copy(tmp_path / "train" / "ant" / "0012.JPEG", tmp_path / "val" / "ant" / "0000.JPEG")
    data = IMAGENET.load(tmp_path)
    assert len(data.train) + len(data.validation) == 30
    assert not any("also in another part" in note for note in data.notes)
    told = []
    skipped = IMAGENET.load(tmp_path, skip_damaged=True, progress=lambda done, total: told.append((done, total)))
    assert len(skipped.train) + len(skipped.validation) == 29
    assert skipped.notes[-1].startswith(f"left out: 1 of 42 images cannot be decoded: {broken} (")
    assert told[-1] == (42, 42)
    with pytest.raises(ScansearchError, match=r"must not share an image.*0000.JPEG = .*0012.JPEG"):
        IMAGENET.load(tmp_path, refuse_duplicates=True)


def test_what_was_found_damaged_is_remembered_until_a_file_changes(tmp_path, monkeypatch):
    monkeypatch.setattr("scansearch.data.inspection_cache.SETTLED_NS", -(10**12))
    monkeypatch.setattr("scansearch.data.encoded.SAMPLED", 1)
    broken = write_imagenet(tmp_path) / "train" / "bee" / "0013.JPEG"
    broken.write_bytes(b"no image")
    read = []
    damage = EncodedSplit.damage
    monkeypatch.setattr(EncodedSplit, "damage", lambda self, places: read.extend(places) or damage(self, places))
    for count in (42, 42):
        assert "left out: 1 of" in IMAGENET.load(tmp_path, skip_damaged=True).notes[-1]
        assert len(read) == count
    broken.write_bytes(jpeg(13))
    assert "left out" not in IMAGENET.load(tmp_path, skip_damaged=True).notes[-1]


def test_what_is_refused(tmp_path):
    with pytest.raises(ScansearchError, match="imagenet needs --data-root"):
        IMAGENET.load(None)
    write_imagenet(tmp_path)
    (tmp_path / "val" / "cat").rename(tmp_path / "val" / "cow")
    with pytest.raises(ScansearchError, match="same classes, but 2 are in one only, 'cat' in train"):
        IMAGENET.load(tmp_path)
    shutil.rmtree(tmp_path / "val")
    with pytest.raises(ScansearchError, match="must hold a folder val, but has none"):
        IMAGENET.load(tmp_path)
    (tmp_path / "val").mkdir()
    with pytest.raises(ScansearchError, match="but has none"):
        IMAGENET.load(tmp_path)
    (tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG").write_bytes(jpeg(0))
    with pytest.raises(ScansearchError, match="the images lie in it directly; sort them"):
        IMAGENET.load(tmp_path)
