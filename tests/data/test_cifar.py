from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from scansearch.data.cifar import CIFAR10, CIFAR10_LAYOUT, CIFAR100, CIFAR100_LAYOUT, CifarLayout, read_cifar
from scansearch.errors import ScansearchError

TINY10 = replace(
    CIFAR10_LAYOUT, train=tuple((name, 20) for name, _ in CIFAR10_LAYOUT.train), test=(("test_batch.bin", 20),)
)
TINY100 = replace(CIFAR100_LAYOUT, train=(("train.bin", 300),), test=(("test.bin", 100),))


def fill(folder: Path, layout: CifarLayout) -> Path:
    """Every pixel of channel c of an image holds its label + c."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in layout.train + layout.test:
        labels = np.arange(count) % layout.num_classes
        pixels = np.repeat(labels[:, None] + np.arange(3), 1024, axis=1)
        coarse = np.full((count, layout.label_bytes - 1), 19)
        np.concatenate([coarse, labels[:, None], pixels], axis=1).astype(np.uint8).tofile(folder / name)
    return folder


@pytest.mark.parametrize("layout", [TINY10, TINY100], ids=lambda layout: layout.name)
@pytest.mark.parametrize("inside", [True, False])
def test_reads_records(tmp_path: Path, layout: CifarLayout, inside: bool) -> None:
    fill(tmp_path / layout.folder if inside else tmp_path, layout)
    spec = replace(CIFAR10, name=layout.name, read=partial(read_cifar, layout=layout))
    data = spec.load(tmp_path)
    assert (data.num_classes, data.channels, data.image_size) == (layout.num_classes, 3, (32, 32))
    images, labels = data.train.batch(torch.arange(len(data.train)))
    assert torch.equal(images[:, :, 0, 31].long(), labels[:, None] + torch.arange(3))
    assert data.class_names[:2] == ("0", "1")


def test_class_names_are_read_if_they_are_there(tmp_path: Path) -> None:
    fill(tmp_path, TINY10)
    (tmp_path / "batches.meta.txt").write_text("\n".join("abcdefghij") + "\n\n")
    assert read_cifar(tmp_path, TINY10).class_names == tuple("abcdefghij")
    assert read_cifar(tmp_path, TINY10).notes == ()
    (tmp_path / "batches.meta.txt").write_bytes(b"\xff\xfe\x00")
    assert read_cifar(tmp_path, TINY10).class_names[0] == "0"
    assert "does not hold 10 names, so classes are numbered" in read_cifar(tmp_path, TINY10).notes[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    fill(tmp_path, TINY10)
    os.mkfifo(tmp_path / "batches.meta.txt")
    assert read_cifar(tmp_path, TINY10).class_names[0] == "0"
    for make, kind in ((os.mkfifo, "pipe"), (os.mkdir, "folder")):
        (tmp_path / "data_batch_3.bin").unlink()
        make(tmp_path / "data_batch_3.bin")
        with pytest.raises(ScansearchError, match=f"data_batch_3.bin cannot be read: it is a {kind}"):
            read_cifar(tmp_path, TINY10)


@pytest.mark.parametrize("name", ["data_batch_1", "cifar-10-batches-py", "cifar-10-python.tar.gz"])
def test_the_python_version_is_recognised_and_not_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(ScansearchError, match=r"python \(pickle\) version.*download cifar-10-binary.tar.gz"):
        CIFAR10.load(tmp_path)


def test_the_packed_archive(tmp_path: Path) -> None:
    (tmp_path / "cifar-100-binary.tar.gz").touch()
    with pytest.raises(ScansearchError, match="still packed"):
        CIFAR100.load(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(ScansearchError, match="needs --data-root"):
        CIFAR10.load()
    with pytest.raises(ScansearchError, match="is empty"):
        CIFAR10.load(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ScansearchError, match=r"holds no data_batch_1.bin"):
        CIFAR10.load(tmp_path)


def test_damaged_files(tmp_path: Path) -> None:
    fill(tmp_path, TINY10)
    path = tmp_path / "data_batch_3.bin"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ScansearchError, match=r"must have 61,460 bytes.*has 61,459"):
        read_cifar(tmp_path, TINY10)
    path.write_bytes(b"\x0b" + whole[1:])
    with pytest.raises(ScansearchError, match=r"0 \.\.\. 9 .*label 11"):
        read_cifar(tmp_path, TINY10)
    path.unlink()
    with pytest.raises(ScansearchError, match=r"incomplete: there is no .*data_batch_3.bin"):
        read_cifar(tmp_path, TINY10)
    with pytest.raises(ScansearchError, match="must have 30,730,000 bytes"):
        CIFAR10.load(tmp_path)
