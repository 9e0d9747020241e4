from __future__ import annotations

import torch

from scansearch.data import TensorSplit, normalise
from scansearch.data.pixels import CHUNK, channel_statistics, covering, resize


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
