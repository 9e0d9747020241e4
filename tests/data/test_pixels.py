from __future__ import annotations

import pytest
import torch

from scansearch.data import TensorSplit, normalise
from scansearch.data.pixels import CHUNK, covering, resize
from scansearch.data.statistics import PIECE, channel_statistics


def test_statistics_match_the_definition_and_normalise_to_zero_and_one(make_split) -> None:
    split = make_split([CHUNK, 100], (3, 4, 5))
    mean, std = channel_statistics(split)
    exact = split.images.double() / 255
    torch.testing.assert_close(torch.tensor(mean).double(), exact.mean(dim=(0, 2, 3)), rtol=0, atol=1e-7)
    torch.testing.assert_close(torch.tensor(std).double(), exact.std(dim=(0, 2, 3), correction=0), rtol=0, atol=1e-6)
    pixels = normalise(split.images, mean, std)
    assert pixels.dtype == torch.float32
    torch.testing.assert_close(pixels.mean(dim=(0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(pixels.std(dim=(0, 2, 3), correction=0), torch.ones(3), rtol=0, atol=1e-4)


def test_normalise_leaves_its_input_and_takes_tensors(make_split) -> None:
    images = make_split([3, 3]).images
    before = images.clone()
    assert torch.equal(normalise(images, torch.tensor([0.5]), torch.tensor([0.25])), normalise(images, [0.5], [0.25]))
    assert torch.equal(images, before)


def test_statistics_of_a_sample_look_at_both_ends() -> None:
    images = torch.zeros(101, 1, 1, 1, dtype=torch.uint8)
    images[[0, 50, 100]] = 255
    split = TensorSplit(images, torch.zeros(101, dtype=torch.int64))
    assert channel_statistics(split, sample=3)[0] == (1.0,)


@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (1e-3, 5), (30, 1e5), (1e6, -1e6)])
def test_statistics_of_numbers_are_in_their_own_unit(scale: float, offset: float) -> None:
    images = torch.randn(3 * PIECE + 5, 2, 4, 5, generator=torch.Generator().manual_seed(0)) * scale + offset
    split = TensorSplit(images, torch.zeros(len(images), dtype=torch.int64))
    mean, std = channel_statistics(split)
    exact = images.double()
    torch.testing.assert_close(torch.tensor(mean).double(), exact.mean(dim=(0, 2, 3)), rtol=1e-6, atol=1e-7)
    spread = torch.tensor(std, dtype=torch.float64)
    torch.testing.assert_close(spread, exact.std(dim=(0, 2, 3), correction=0), rtol=1e-9, atol=0)
    found = normalise(images, mean, std)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.std(dim=(0, 2, 3), correction=0), torch.ones(2), rtol=1e-2, atol=0)


def test_statistics_of_numbers_do_not_depend_on_threads() -> None:
    images = torch.randn(200, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    split, threads = TensorSplit(images, torch.zeros(200, dtype=torch.int64)), torch.get_num_threads()
    found = set()
    for count in (1, 2, 4):
        torch.set_num_threads(count)
        found.add(channel_statistics(split))
    torch.set_num_threads(threads)
    assert len(found) == 1


@pytest.mark.parametrize("value", [0.0, 1000.1, -3e30])
def test_a_constant_channel_of_numbers_becomes_zero(value: float) -> None:
    images = torch.full((70, 1, 3, 3), value)
    split = TensorSplit(images, torch.zeros(70, dtype=torch.int64))
    assert normalise(images, *channel_statistics(split)).abs().max() <= 1


def test_resize_keeps_numbers() -> None:
    images = torch.full((2, 5, 4, 8), 0.25)
    assert torch.equal(resize(images, 3, 3), torch.full((2, 5, 3, 3), 0.25))


def test_resize_covers_and_crops_about_the_centre() -> None:
    images = torch.zeros(2, 1, 4, 8, dtype=torch.uint8)
    images[..., 2:6] = 200
    assert resize(images, 4, 8) is images
    assert torch.equal(resize(images, 4, 4), torch.full((2, 1, 4, 4), 200, dtype=torch.uint8))
    assert resize(images, 7, 7).shape == (2, 1, 7, 7)
    assert resize(images.repeat(CHUNK, 1, 1, 1), 2, 3).shape == (2 * CHUNK, 1, 2, 3)


def test_covering_keeps_proportions() -> None:
    assert covering(100, 200, 50, 50) == (50, 100)
    assert covering(200, 100, 50, 50) == (100, 50)
    assert covering(3, 1000, 10, 10)[0] == 10
