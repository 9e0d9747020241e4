from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scansearch.data.digits import DIGITS
from scansearch.errors import ScansearchError

# Results on this split are published: a new fingerprint means that they no longer compare.
FINGERPRINT = "6d1cf76da68b3f28cfb84df2cb0ddfdb7943747260d5630ade4cfedfeb0a0207"


def test_the_digits() -> None:
    data = DIGITS.load()
    assert (data.num_classes, data.channels, data.image_size) == (10, 1, (8, 8))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [1257, 270, 270]
    images, _ = data.train.batch(torch.arange(len(data.train)))
    assert (int(images.min()), int(images.max())) == (0, 255)
    assert torch.bincount(data.validation.labels).min() >= 25


def test_no_image_is_in_two_splits() -> None:
    data = DIGITS.load()
    seen = [{image.numpy().tobytes() for image in split.images} for split in (data.train, data.validation, data.test)]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]


def test_the_default_split_never_changes() -> None:
    assert DIGITS.load().fingerprint == FINGERPRINT


def test_where_the_file_lies_elsewhere_scikit_learn_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scansearch.data.digits.find_spec", lambda name: None)
    assert DIGITS.load().fingerprint == FINGERPRINT


def test_a_data_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScansearchError, match="take no data root"):
        DIGITS.load(tmp_path)
