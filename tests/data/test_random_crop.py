from __future__ import annotations

import pytest
import torch
from PIL import Image

from scansearch.data.random_crop import crop, crop_draws


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [(8, 8), (32, 24), (1, 1), (7, 30)])
@pytest.mark.parametrize("smallest", [0.08, 0.9])
def test_parts_lie_inside_and_have_the_area_and_aspect_asked_for(size: tuple[int, int], smallest: float) -> None:
    top, left, height, width = crop_draws(500, *size, smallest, generator()).unbind(1)
    assert ((top >= 0) & (left >= 0) & (height > 0) & (width > 0)).all()
    assert ((top + height <= size[0]) & (left + width <= size[1])).all()
    # a rounded side is at most half a pixel from the one that was drawn
    assert ((width - 0.5) / (height + 0.5) <= 4 / 3).all()
    assert ((width + 0.5) / (height - 0.5) >= 3 / 4).all()
    if size == (32, 24):
        share = height * width / (32 * 24)
        assert share.min() > smallest * 0.8
        assert share.max() > 0.9
        assert float(share.mean()) == pytest.approx((1 + smallest) / 2, abs=0.12)
        assert len(top.unique()) > 1
        assert len(left.unique()) > 1


def test_what_fits_nowhere_is_taken_from_the_middle() -> None:
    parts = crop_draws(3, 4, 40, 1.0, generator())
    assert parts.tolist() == [[0, 17, 4, 5]] * 3


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(8, 8), (20, 33)])
def test_as_pillow_crops_and_resizes(channels: int, size: tuple[int, int]) -> None:
    images = torch.randint(0, 256, (40, channels, *size), generator=generator(1)).to(torch.uint8)
    parts = crop_draws(40, *size, 0.08, generator(2))
    found = crop(images, parts)
    for image, (top, left, height, width), mine in zip(images, parts.tolist(), found, strict=True):
        for plane, result in zip(image, mine, strict=True):
            part = Image.fromarray(plane.numpy()).crop((left, top, left + width, top + height))
            wanted = torch.tensor(list(part.resize(size[::-1], resample=Image.Resampling.BICUBIC).tobytes()))
            assert int((result.flatten() - wanted).abs().max()) <= 1


def test_other_numbers_are_not_rounded() -> None:
    images = torch.randint(0, 256, (9, 2, 6, 5), generator=generator(1))
    parts = crop_draws(9, 6, 5, 0.3, generator(2))
    whole, own = crop(images.to(torch.uint8), parts), crop(images.double() / 1000, parts)
    assert own.dtype == torch.float64
    clipped = (own * 1000).clamp(0, 255)
    assert float((clipped - whole.double()).abs().mean()) < 1.5
    assert not torch.equal(own * 1000, (own * 1000).round())


def test_the_whole_image_stays_as_it_is() -> None:
    images = torch.randint(0, 256, (2, 3, 6, 5), generator=generator(1)).to(torch.uint8)
    assert torch.equal(crop(images, torch.tensor([[0, 0, 6, 5]] * 2)), images)
    assert crop(images, None) is images
