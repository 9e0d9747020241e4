import math

import pytest

from benchmarks.growth import Growth, draw


def growth(power, sizes=(1, 2, 4, 8), **other):
    times = {size: [100 + size**power] if size < 2 else [size**power, 9e9, 0] for size in sizes}
    return Growth("tokens", "scale tokens", {"ours": times}, {"ours": {size: 3.0 * size for size in sizes}}, **other)


def test_the_exponent_is_that_of_the_largest_sizes():
    found = growth(1.5)
    assert found.exponent("ours") == pytest.approx(1.5)
    assert found.exponent("ours", memory=True) == pytest.approx(1)


def test_one_size_has_no_exponent_and_breaks_no_promise():
    assert math.isnan(growth(1, sizes=(4,)).exponent("ours"))
    assert growth(1, sizes=(4,)).missed() == []


def test_growing_faster_than_promised_is_said():
    assert growth(1).missed() == []
    assert growth(2, at_most=None).missed() == []
    (line,) = growth(2).missed()
    assert "at most 1.1, but grows with 2.00" in line


def test_it_is_drawn(tmp_path):
    draw([growth(1), growth(2, sizes=(4,))], tmp_path / "scale.png")
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")
