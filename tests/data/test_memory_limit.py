import pytest

from scansearch.data.memory_limit import check_memory
from scansearch.errors import ScansearchError
from scansearch.registry import DATASETS


def test_images_that_cannot_fit_are_refused_before_they_are_scaled(monkeypatch):
    monkeypatch.setattr("scansearch.data.memory_limit.machine_memory", lambda: 1 << 20)
    with pytest.raises(
        ScansearchError, match=r"1,797 images of 32 x 32 pixels need 0.0 GB of memory, .* smaller image_size"
    ):
        DATASETS.get("digits").load(image_size=32)
    assert DATASETS.get("digits").load(image_size=16).image_size == (16, 16)


def test_the_largest_size_of_the_digits_is_more_than_most_machines_have(monkeypatch):
    digits = DATASETS.get("digits").load()
    monkeypatch.setattr("scansearch.data.memory_limit.machine_memory", lambda: 16 << 30)
    with pytest.raises(
        ScansearchError, match=r"4096 x 4096 pixels need 28.1 GB of memory, but this machine has 16.0 GB"
    ):
        check_memory({"train": digits.train, "validation": digits.validation, "test": digits.test}, 4096, 4096)
