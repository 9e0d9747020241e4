"""Found genotypes against random ones: the table, the statistics, and that test images judge."""

from __future__ import annotations

import pytest
import torch
from rich.console import Console

from benchmarks import alone, trained
from scansearch.registry import DATASETS


def shown(result):
    console = Console(width=200)
    with console.capture() as capture:
        console.print(result.table())
    return capture.get().splitlines()


def test_the_difference_has_an_interval_and_a_probability():
    result = alone.FoundAgainstRandom({"a": 0.83, "b": 0.81}, [0.80, 0.79, 0.82], "title")
    mean, low, high = result.difference
    assert mean == pytest.approx(0.05 / 3)
    assert low < 0 < mean < high
    assert result.chance == pytest.approx(2 / 10)  # ranks 5 and 3 of 5: of ten pairs, 5 + 4 and 5 + 3 sum to as much
    lines = shown(result)
    assert lines[1].split() == ["a", "83.00%", "3", "of", "3"]
    assert lines[2].split() == ["b", "81.00%", "2", "of", "3"]
    assert lines[3].split() == ["3", "random,", "mean", "80.33%"]
    assert lines[-1].startswith("found minus random, points  +1.67")


def test_random_genotypes_differ_and_are_the_same_every_time():
    drawn = alone.drawn(alone.RANDOM)
    assert drawn == alone.drawn(alone.RANDOM)
    assert len({str(directions) for directions in drawn}) == alone.RANDOM
    assert all(len(names) == 4 for directions in drawn for names in directions)


def pictures(split):
    return {image.numpy().tobytes() for image in split.batch(torch.arange(len(split)))[0]}


@pytest.mark.parametrize("train", [100, 6000])
def test_no_image_that_tests_is_trained_by(train):
    left = alone.cut(DATASETS.get("digits").read(None), train, 50)
    assert len(left.train) == min(train, 1797 - 2 * 50)
    assert (len(left.validation), len(left.test)) == (50, 50)
    assert not pictures(left.train) & (pictures(left.validation) | pictures(left.test))


def test_the_test_images_of_the_data_set_judge(monkeypatch):
    seen, real = [], trained.evaluate
    monkeypatch.setattr(trained, "evaluate", lambda net, split, feed: (seen.append(split), real(net, split, feed))[1])
    with alone.images(alone.NAME, None, lambda parts: alone.cut(parts, 64, 100)):
        assert 0 < alone.accuracy(alone.drawn(1)[0], 0, epochs=1, patch_size=2) < 1
        test = DATASETS.get(alone.NAME).load().test
    assert pictures(seen[0]) == pictures(test)
