"""Every operation against Pillow, image by image: exact, or within as many grey levels as ``CASES`` says."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from scansearch.data import pixel_operations as pixels

COUNT = 12
SIZES = [(8, 8), (24, 17), (2, 3), (40, 64)]
FILL = (90, 120, 200)
BICUBIC = Image.Resampling.BICUBIC


def images(channels: int, size: tuple[int, int], seed: int = 0) -> torch.Tensor:
    """Noise, smooth ramps of few levels, and one image of a single level."""
    random = np.random.default_rng(seed)
    noise = random.integers(0, 256, (COUNT // 2, channels, *size))
    steps = random.integers(1, 5, (COUNT - COUNT // 2, channels, 1, 1))
    ramps = (np.arange(size[0])[:, None] + np.arange(size[1])) * steps + random.integers(0, 90, steps.shape)
    found = np.concatenate([noise, ramps.clip(0, 255)]).astype(np.uint8)
    found[-1] = 77
    return torch.from_numpy(found)


def pillow(image: torch.Tensor) -> Image.Image:
    array = image.permute(1, 2, 0).numpy()
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def tensor(image: Image.Image) -> torch.Tensor:
    array = np.array(image)
    return torch.from_numpy(array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1)))


def fill_of(image: Image.Image) -> int | tuple[int, ...]:
    return FILL[0] if image.mode == "L" else FILL


def transformed(image: Image.Image, *matrix: float) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=BICUBIC, fillcolor=fill_of(image))


def projection(image: Image.Image, share: float) -> np.ndarray:
    """The eight numbers of the skew, from the system of equations that its four corners make."""
    width, height = image.size
    s = math.ceil(max(width, height) * share)
    here = [(-s, 0), (width, -s), (width + s, height), (0, height + s)]
    there = [(0, 0), (width, 0), (width, height), (0, height)]
    rows = []
    for (x, y), (u, v) in zip(here, there, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    found: np.ndarray = np.linalg.pinv(np.array(rows, float)) @ np.array(there, float).reshape(8)
    return found


def skewed(image: Image.Image, share: float) -> Image.Image:
    numbers = projection(image, share).tolist()
    return image.transform(image.size, Image.Transform.PERSPECTIVE, numbers, resample=BICUBIC)


def on_the_edge(image: Image.Image, share: float) -> torch.Tensor:
    """Pixels that a skew shows the very edge of: whether they are outside is decided by the last bit. Bool (H, W)."""
    a, b, c, d, e, f, g, h = projection(image, share)
    y, x = (np.arange(size) + 0.5 for size in (image.height, image.width))
    y, depth = y[:, None], g * x + h * y[:, None] + 1
    u, v = (a * x + b * y + c) / depth, (d * x + e * y + f) / depth
    gaps = np.abs(np.stack([u, v, u - image.width, v - image.height]))
    return torch.from_numpy(gaps.min(0) < 1e-4)


def zoomed(image: Image.Image, factor: float) -> Image.Image:
    width, height = image.size
    small = image.resize((max(1, round(width * factor)), max(1, round(height * factor))), resample=BICUBIC)
    left, top = math.floor((small.width - width) / 2), math.floor((small.height - height) / 2)
    return small.crop((left, top, left + width, top + height))


def lifted(image: Image.Image, more: float) -> Image.Image:
    return image.point([min(255, i + int(more)) if i < 128 else i for i in range(256)] * len(image.getbands()))


Pillow = Callable[[Image.Image, float], Image.Image]
CASES: dict[str, tuple[pixels.Operation, Pillow, tuple[float, float], int]] = {
    "auto_contrast": (pixels.auto_contrast, lambda i, _: ImageOps.autocontrast(i), (0, 1), 1),
    "equalize": (pixels.equalize, lambda i, _: ImageOps.equalize(i), (0, 1), 0),
    "invert": (pixels.invert, lambda i, _: ImageOps.invert(i), (0, 1), 0),
    "posterize": (pixels.posterize, lambda i, v: ImageOps.posterize(i, int(v)), (1, 8.99), 0),
    "solarize": (pixels.solarize, lambda i, v: ImageOps.solarize(i, int(v)), (0, 257), 0),
    "solarize_add": (pixels.solarize_add, lifted, (0, 130), 0),
    "brightness": (pixels.brightness, lambda i, v: ImageEnhance.Brightness(i).enhance(v), (0.1, 1.99), 1),
    "contrast": (pixels.contrast, lambda i, v: ImageEnhance.Contrast(i).enhance(v), (0.1, 1.99), 1),
    "color": (pixels.color, lambda i, v: ImageEnhance.Color(i).enhance(v), (0.1, 1.99), 1),
    "sharpness": (pixels.sharpness, lambda i, v: ImageEnhance.Sharpness(i).enhance(v), (0.1, 1.99), 1),
    "rotate": (pixels.rotate, lambda i, v: i.rotate(v, resample=BICUBIC, fillcolor=fill_of(i)), (-35, 35), 1),
    "shear_x": (pixels.shear_x, lambda i, v: transformed(i, 1, v, 0, 0, 1, 0), (-0.4, 0.4), 1),
    "shear_y": (pixels.shear_y, lambda i, v: transformed(i, 1, 0, 0, v, 1, 0), (-0.4, 0.4), 1),
    "translate_x": (pixels.translate_x, lambda i, v: transformed(i, 1, 0, v * i.width, 0, 1, 0), (-0.5, 0.5), 1),
    "translate_y": (pixels.translate_y, lambda i, v: transformed(i, 1, 0, 0, 0, 1, v * i.height), (-0.5, 0.5), 1),
    "skew": (pixels.skew, skewed, (-0.3, 0.35), 1),
    "zoom": (pixels.zoom, zoomed, (0.1, 0.45), 2),  # both of its passes may round a half the other way
    "blur": (pixels.blur, lambda i, v: i.filter(ImageFilter.GaussianBlur(abs(v))), (-1, 1), 1),
}
WHOLE = {"posterize", "solarize", "solarize_add"}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_as_pillow_does_it(name: str, channels: int, size: tuple[int, int]) -> None:
    run, reference, (low, high), tolerance = CASES[name]
    given = images(channels, size)
    argument = torch.linspace(low, high, COUNT, dtype=torch.float64) + 1e-3  # off the places where rounding decides
    argument = argument.floor() if name in WHOLE else argument
    before = given.clone()
    found = run(given, argument, torch.tensor(FILL[:channels]))
    assert torch.equal(given, before)
    assert found.dtype == torch.uint8
    wanted = torch.stack([tensor(reference(pillow(i), float(v))) for i, v in zip(given, argument, strict=True)])
    difference = (found.int() - wanted.int()).abs()
    if name == "skew":
        edges = [on_the_edge(pillow(i), float(v)) for i, v in zip(given, argument, strict=True)]
        difference *= ~torch.stack(edges)[:, None]
    assert int(difference.max()) <= tolerance


@pytest.mark.parametrize("name", sorted(CASES.keys() - {"color", "contrast"}))
def test_channels_are_changed_alike(name: str) -> None:
    """But for what needs a grey of all of them, a channel is an image."""
    run, _, (low, high), _ = CASES[name]
    given, argument = images(5, (9, 12)), torch.linspace(low, high, COUNT, dtype=torch.float64)
    together = run(given, argument, torch.tensor([10, 20, 30, 40, 50]))
    for channel in range(5):
        alone = run(given[:, [channel]], argument, torch.tensor([10 * (channel + 1)]))
        assert torch.equal(together[:, [channel]], alone)


def test_the_grey_of_five_channels_is_their_mean() -> None:
    given, none = images(5, (6, 7)), torch.zeros(COUNT, dtype=torch.float64)
    grey = pixels.color(given, none, torch.zeros(5))
    assert torch.equal(grey[:, 0], (given.double().mean(1) + 0.5).floor().byte())
    assert torch.equal(grey, grey[:, :1].expand_as(grey))
    mean = pixels.contrast(given, none, torch.zeros(5)).double()
    assert float((mean - given.double().mean((1, 2, 3), keepdim=True)).abs().max()) <= 1


def test_bits_down_to_none() -> None:
    given = images(1, (8, 8))
    none = pixels.posterize(given, torch.zeros(COUNT, dtype=torch.float64), torch.zeros(1))
    assert not none.any()
