from __future__ import annotations

import os
import struct
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scansearch.data import FileSplit
from scansearch.data import image_file as module
from scansearch.data.image_file import DamagedImageError, crop_box, decode, pixels_of
from scansearch.data.inspection import inspect_file
from scansearch.data.threads import each
from scansearch.errors import ScansearchError

TARGETS = (32, 56, 64, 96, 112, 128, 160, 192, 224, 256, 384, 448, 512)


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_scales_the_shorter_side_and_crops_about_the_centre(tmp_path: Path) -> None:
    pixels = np.zeros((40, 80), dtype=np.uint8)
    pixels[:, 20:60] = 200
    for side in (40, 20, 80):
        found = decode(save(tmp_path / "wide.png", pixels), side, side)
        assert found.shape == (side, side, 3)
        assert found[:, 2:-2].min() >= 190


@pytest.mark.parametrize("target", TARGETS)
def test_every_size_has_a_box_inside_the_image(target: int) -> None:
    for short in range(1, 4097):
        for long in (short, short + 1, 4 * short // 3):
            for width, height in ((short, long), (long, short)):
                left, top, right, bottom = crop_box(width, height, target, target)
                assert 0 <= left <= right <= width
                assert 0 <= top <= bottom <= height
                assert abs((right - left) - (bottom - top)) < 1e-6
                assert abs(left + right - width) + abs(top + bottom - height) < 1e-9


@pytest.mark.parametrize("size", [(150, 116), (58, 58), (123, 200), (225, 300), (232, 300), (239, 300), (450, 600)])
def test_sizes_whose_box_was_outside(tmp_path: Path, size: tuple[int, int]) -> None:
    for shape in (size, size[::-1]):
        assert decode(save(tmp_path / "image.png", np.full(shape, 9, np.uint8)), 224, 224).shape == (224, 224, 3)


def test_a_thin_picture_does_not_fill_the_memory(tmp_path: Path) -> None:
    assert decode(save(tmp_path / "thin.png", np.zeros((1, 20_000), dtype=np.uint8)), 224, 224).shape == (224, 224, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied(tmp_path: Path, suffix: str, orientation: int) -> None:
    # How each stored picture is to be turned, by the definition of the tag: where its first row and column are seen.
    turn = {
        1: lambda x: x,
        2: np.fliplr,
        3: lambda x: np.rot90(x, 2),
        4: np.flipud,
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: np.rot90(x, -1),
        7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
        8: np.rot90,
    }[orientation]
    stored = np.kron(np.array([[0, 80, 160], [200, 120, 240]], np.uint8), np.ones((64, 64), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"image{suffix}"
    Image.fromarray(stored).convert("RGB").save(path, exif=exif, **({"lossless": True} if suffix == ".webp" else {}))
    upright = turn(stored)
    whole = pixels_of(path, path.read_bytes())
    assert whole.shape == (*upright.shape, 3)
    assert np.abs(whole[..., 0].astype(int) - upright).max() <= 2
    seen = inspect_file(path)
    assert (seen.height, seen.width) == upright.shape
    small = decode(path, upright.shape[0] // 8, upright.shape[1] // 8)
    assert np.abs(small[2::8, 2::8, 0].astype(int) - upright[16::64, 16::64]).max() <= 4


def test_a_lying_jpeg_is_not_decoded_too_small(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stripes = np.tile(np.array([0, 0, 0, 0, 255, 255, 255, 255], np.uint8), (400, 100))
    Image.fromarray(stripes).save(tmp_path / "lying.jpg", quality=95, exif=exif)
    found = decode(tmp_path / "lying.jpg", 100, 200)
    assert found[40:60].min() < 60
    assert found[40:60].max() > 195


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_every_usual_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    Image.new("RGB", (9, 9), (255, 255, 255)).convert(mode).save(tmp_path / "image.tif")
    assert decode(tmp_path / "image.tif", 9, 9).min() == 255


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "CMYK", "1", "LA"])
def test_two_colours_in_every_mode(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGB", (8, 8), (255, 255, 255))
    picture.paste((0, 0, 0), (0, 0, 4, 8))
    picture.convert(mode).save(tmp_path / "image.tif")
    found = decode(tmp_path / "image.tif", 8, 8)
    assert found[:, :4].max() == 0
    assert found[:, 4:].min() == 255


def transparent(mode: str) -> Image.Image:
    """Half red, half of a hidden colour that is wholly transparent."""
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4] = (255, 0, 0, 255)
    pixels[:, 4:] = (7, 99, 3, 0)
    picture = Image.fromarray(pixels)
    if mode == "P":
        palette = Image.new("P", (8, 8), 0)
        palette.putpalette([255, 0, 0, 7, 99, 3])
        palette.paste(1, (4, 0, 8, 8))
        palette.info["transparency"] = 1
        return palette
    if mode == "RGB":
        picture = picture.convert("RGB")
        picture.info["transparency"] = (7, 99, 3)
        return picture
    return picture.convert(mode)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("RGBA", ".png"), ("LA", ".png"), ("P", ".png"), ("P", ".gif"), ("RGB", ".png"), ("RGBA", ".tif")],
)
def test_hidden_colours_do_not_show(tmp_path: Path, mode: str, suffix: str) -> None:
    picture = transparent(mode)
    keys = {"transparency": picture.info["transparency"]} if "transparency" in picture.info else {}
    picture.save(tmp_path / f"image{suffix}", **keys)
    found = decode(tmp_path / f"image{suffix}", 8, 8)
    assert (found[:, 5:] == 255).all()
    assert (found[:, :3] == ((76, 76, 76) if mode == "LA" else (255, 0, 0))).all()


def test_half_transparent_lies_on_white(tmp_path: Path) -> None:
    save(tmp_path / "image.png", np.full((4, 4, 4), (0, 0, 0, 51), np.uint8))
    assert (decode(tmp_path / "image.png", 4, 4) == 204).all()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_kept(tmp_path: Path, suffix: str) -> None:
    numbers = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    found = decode(save(tmp_path / f"deep{suffix}", numbers), 8, 8)
    assert (found.shape, found.dtype) == ((8, 8, 1), np.float32)
    assert np.array_equal(found[..., 0], numbers)
    assert decode(tmp_path / f"deep{suffix}", 4, 4).shape == (4, 4, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_wide_numbers_of_a_tiff_are_kept(tmp_path: Path, dtype: type) -> None:
    numbers = np.arange(-32, 32).reshape(8, 8).astype(dtype) * dtype(3)
    assert np.array_equal(decode(save(tmp_path / "wide.tif", numbers), 8, 8)[..., 0], numbers)


def test_numbers_that_are_not_finite_are_damage(tmp_path: Path) -> None:
    save(tmp_path / "nan.tif", np.full((4, 4), np.nan, np.float32))
    with pytest.raises(DamagedImageError, match="not finite"):
        decode(tmp_path / "nan.tif", 4, 4)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".gif", ".tif"])
@pytest.mark.parametrize("kept", [0, 0.1, 0.6])
def test_a_truncated_image_is_named(tmp_path: Path, suffix: str, kept: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(tmp_path / f"image{suffix}", pixels)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    split = FileSplit(tmp_path, (path.name,), torch.tensor([0]), (32, 32))
    with pytest.raises(ScansearchError, match=f"image{suffix} cannot be decoded") as caught:
        split.batch(torch.tensor([0]))
    assert "\n" not in str(caught.value)
    assert inspect_file(path).damage


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_flipped_byte_never_ends_in_a_traceback(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for suffix in (".png", ".jpg", ".gif", ".bmp", ".tif", ".webp", ".ppm"):
        path = save(tmp_path / f"image{suffix}", random.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        whole = bytearray(path.read_bytes())
        for place in random.integers(0, len(whole), 40):
            damaged = bytearray(whole)
            damaged[place] ^= int(random.integers(1, 256))
            path.write_bytes(damaged)
            with suppress(ScansearchError):
                decode(path, 8, 8)


def tiff_with_text_for_an_offset() -> bytes:
    """A TIFF whose entry for the place of its pixels is text."""
    shorts = {256: 4, 257: 4, 258: 8, 259: 1, 262: 1}
    entries = [struct.pack("<HHII", tag, 3, 1, value) for tag, value in shorts.items()]
    entries += [
        struct.pack("<HHII", 273, 2, 4, 0),
        struct.pack("<HHII", 278, 3, 1, 4),
        struct.pack("<HHII", 279, 3, 1, 16),
    ]
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(20)


def test_whatever_a_decoder_raises_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "odd.tif"
    path.write_bytes(tiff_with_text_for_an_offset())
    with pytest.raises(DamagedImageError, match=r"odd\.tif cannot be decoded") as caught:
        decode(path, 8, 8)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "kind", [TypeError, ZeroDivisionError, KeyError, AttributeError, AssertionError, RecursionError]
)
def test_even_an_error_without_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def stumble(*arguments: object, **more: object) -> None:
        raise kind

    path = save(tmp_path / "image.png", np.zeros((4, 4), np.uint8))
    monkeypatch.setattr(Image, "open", stumble)
    with pytest.raises(DamagedImageError, match=rf"image\.png cannot be decoded \({kind.__name__}\)"):
        decode(path, 8, 8)


def test_the_content_counts_and_other_formats_are_not_opened(tmp_path: Path) -> None:
    path = save(tmp_path / "a.bmp", np.full((4, 4), 9, np.uint8)).rename(tmp_path / "a.png")
    assert decode(path, 4, 4).max() == 9
    Image.new("RGB", (4, 4)).save(tmp_path / "b.eps")
    (tmp_path / "b.eps").rename(tmp_path / "b.png")
    with pytest.raises(DamagedImageError, match="no image of a known format"):
        decode(tmp_path / "b.png", 4, 4)


def test_too_many_pixels_are_refused_by_our_own_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "large.png", np.zeros((40, 50), np.uint8))
    monkeypatch.setattr(module, "MOST_PIXELS", 1999)
    with pytest.raises(DamagedImageError, match="more than 0 million pixels"):
        decode(path, 8, 8)


def test_a_large_image_prints_no_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)
    path = save(tmp_path / "large.png", np.zeros((40, 50), np.uint8))
    split = FileSplit(tmp_path, (path.name,), torch.tensor([0]), (8, 8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        split.batch(torch.tensor([0]))
        assert not split.inspected().seen[0].damage
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(DamagedImageError, match="more than 175 million pixels"):
        split.batch(torch.tensor([0]))


def test_large_images_are_decoded_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [save(tmp_path / f"{i}.png", np.full((40, 50), i, np.uint8)) for i in range(8)]
    monkeypatch.setattr(module, "LARGE", 1999)
    at_a_time, most, convert = 0, 0, module._plain

    def count(image: Image.Image, *more: Any) -> Image.Image:
        nonlocal at_a_time, most
        at_a_time += 1
        most = max(most, at_a_time)
        time.sleep(0.01)
        at_a_time -= 1
        return convert(image, *more)

    monkeypatch.setattr(module, "_plain", count)
    found = each(lambda path: decode(path, 4, 4), files)
    assert [int(image.max()) for image in found] == list(range(8))
    assert most == 1


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "large.png", np.zeros((40, 50), np.uint8))
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    with pytest.raises(DamagedImageError, match="at most 10 are read"):
        decode(path, 8, 8)


def test_a_file_that_vanished(tmp_path: Path) -> None:
    with pytest.raises(ScansearchError, match="is gone"):
        decode(tmp_path / "image.png", 8, 8)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("folder", "pipe"):
        with pytest.raises(DamagedImageError, match=f"it is a {name}, no file"):
            decode(tmp_path / f"{name}.png", 8, 8)
        assert f"a {name}" in inspect_file(tmp_path / f"{name}.png").damage
