"""Shards: samples are found by their names, whatever else lies in them, and read at random places."""

import json
import os
import tarfile

import pytest
import torch
from encoded_sets import jpeg, write_imagenet, write_shard, write_shards

from scansearch.data import webdataset
from scansearch.data.imagenet import IMAGENET
from scansearch.data.shard import index_shard
from scansearch.data.webdataset import WEBDATASET
from scansearch.errors import ScansearchError


def test_shards_hold_what_folders_hold(tmp_path):
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "classes.txt").write_text("ant\nbee\ncat\n")
    ours = WEBDATASET.load(write_shards(tmp_path / "shards"), image_size=12)
    theirs = IMAGENET.load(write_imagenet(tmp_path / "folders"), image_size=12)
    assert ours.class_names == theirs.class_names
    everything = torch.arange(12)
    images = {image.numpy().tobytes(): int(label) for image, label in zip(*ours.test.batch(everything), strict=True)}
    assert images == {i.numpy().tobytes(): int(n) for i, n in zip(*theirs.test.batch(everything), strict=True)}
    few = ours.train.subset(torch.tensor([20, 3]))
    assert torch.equal(few.batch(torch.arange(2))[0], ours.train.batch(torch.tensor([20, 3]))[0])
    assert len(few.source.shards) <= 2


def test_a_shard_is_indexed_once(tmp_path, monkeypatch):
    monkeypatch.setattr("scansearch.data.inspection_cache.SETTLED_NS", -(10**12))
    indexed = []
    monkeypatch.setattr(webdataset, "index_shard", lambda path: indexed.append(path.name) or index_shard(path))
    first = WEBDATASET.load(write_shards(tmp_path), image_size=12)
    assert sorted(set(indexed)) == sorted(indexed)
    assert len(indexed) == 5
    assert WEBDATASET.load(tmp_path, image_size=12).fingerprint == first.fingerprint
    assert len(indexed) == 5
    os.utime(tmp_path / "val-000001.tar")
    WEBDATASET.load(tmp_path, image_size=12)
    assert indexed[5:] == ["val-000001.tar"]


def test_samples_are_told_by_the_first_dot(tmp_path):
    files = {
        "a/one.v2.jpg": b"not an image of a sample", "a/one.jpg": jpeg(0), "a/one.json": json.dumps({"label": 1}).encode(),
        "b/one.PNG": jpeg(1), "b/one.cls": b"0\n", "two.txt": b"no image", "c.cls": b"1", ".hidden.jpg": b"",
    }  # fmt: skip
    found = index_shard(write_shard(tmp_path / "a.tar", files))
    assert (found.names, found.labels, found.sizes) == (
        ["a/one.jpg", "b/one.PNG"],
        [1, 0],
        [len(jpeg(0)), len(jpeg(1))],
    )
    data = (tmp_path / "a.tar").read_bytes()
    assert data[found.offsets[1] : found.offsets[1] + found.sizes[1]] == jpeg(1)


def test_parts_are_told_by_names_and_unlabelled_ones_left_out(tmp_path):
    write_shards(tmp_path / "train", val=0)
    for path in sorted((tmp_path / "train").glob("*.tar")):
        path.rename(path.with_name(path.name.replace("train", "set")))
    write_shard(tmp_path / "my_test_000.tar", {"a.jpg": jpeg(0), "a.cls": b"-1"})
    data = WEBDATASET.load(tmp_path, image_size=12)
    assert data.notes[0] == "webdataset: the test part has no labels and is not used"
    assert (len(data.train) + len(data.validation) + len(data.test), data.class_names) == (30, ("0", "1", "2"))


def refused(root):
    with pytest.raises(ScansearchError) as caught:
        WEBDATASET.load(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_refused(tmp_path):
    assert "webdataset needs --data-root" in refused(None)
    write_shard(tmp_path / "val-0.tar", {"a.jpg": jpeg(0), "a.cls": b"0"})
    assert "must hold shards of training images" in refused(tmp_path)
    write_shard(tmp_path / "0.tar", {"a.jpg": jpeg(0)})
    assert "0.tar must say whether it is of train, val or test" in refused(tmp_path)
    (tmp_path / "0.tar").rename(tmp_path / "train-val.tar")
    assert "must name one part, but names train and validation" in refused(tmp_path)
    (tmp_path / "train-val.tar").rename(tmp_path / "train.tar")
    assert "train.tar: every image needs a class, but a has no .cls" in refused(tmp_path)
    for value in (b"cat", b"-2", b"1.5", b"true"):
        write_shard(tmp_path / "train.tar", {"a.jpg": jpeg(0), "a.cls": value})
        assert "the class in a.cls must be a number from 0" in refused(tmp_path)
    write_shard(tmp_path / "train.tar", {"a.jpg": jpeg(0), "a.png": jpeg(0), "a.cls": b"0"})
    assert "a sample must have one image, but a has two" in refused(tmp_path)
    (tmp_path / "train.tar").write_bytes(b"no archive" * 100)
    assert "train.tar cannot be read" in refused(tmp_path)
    with tarfile.open(tmp_path / "train-1.tar.gz", "w:gz"):
        pass
    assert "shards must not be compressed" in refused(tmp_path)


def test_a_shard_that_was_cut_off_is_named(tmp_path):
    data = WEBDATASET.load(write_shards(tmp_path), image_size=12)
    place = int(data.train.source.offsets.argmax())
    shard = next(tmp_path.glob(data.train.source.shards[data.train.source.shard[place]]))
    os.truncate(shard, int(data.train.source.offsets[place]) + 5)
    with pytest.raises(ScansearchError, match=rf"{shard.name}/.*jpg cannot be decoded \(the shard ends before it\)"):
        data.train.batch(torch.tensor([place]))
