"""Encoded images are decoded as files are, whole or a random part, and say which one is damaged."""

import numpy as np
import pytest
import torch
from encoded_sets import jpeg, write_imagenet
from PIL import Image

from scansearch.data import Split
from scansearch.data.encoded import SAMPLED, EncodedSplit
from scansearch.data.image_file import decode
from scansearch.data.imagenet import ImageFiles
from scansearch.data.random_crop import crop_numbers, fit_crops
from scansearch.errors import ScansearchError


@pytest.fixture
def split(tmp_path):
    write_imagenet(tmp_path)
    paths = tuple(sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("train/*/*")))
    return EncodedSplit(ImageFiles(tmp_path, paths), torch.arange(len(paths)) // 10, (8, 10))


def test_the_protocol(split, tmp_path):
    assert isinstance(split, Split)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    images, labels = split.batch(order)
    assert (images.shape, images.dtype) == ((30, 3, 8, 10), torch.uint8)
    assert torch.equal(labels, order // 10)
    for image, place in zip(images, order.tolist(), strict=True):
        assert np.array_equal(image.permute(1, 2, 0), decode(tmp_path / split.source.paths[place], 8, 10))
    few = split.subset(order[:4])
    assert torch.equal(few.batch(torch.arange(4))[0], images[:4])
    assert (len(few), few.source.paths) == (4, tuple(split.source.paths[i] for i in order[:4].tolist()))
    assert split.resized(6, 6).image_shape == (3, 6, 6)
    assert split.resized(6, 6).digest() == split.digest() != few.digest()


def test_a_random_part_is_cut_from_the_whole_image(split):
    numbers = crop_numbers(30, 0.3, torch.Generator().manual_seed(1))
    cropped = split.resized(14, 16).cropped(numbers)
    images, _ = cropped.batch(torch.arange(30))
    for place in range(30):
        whole = split.whole(place)
        top, left, height, width = fit_crops(numbers[place : place + 1], *whole.shape[:2])[0].tolist()
        part = Image.fromarray(whole[top : top + height, left : left + width])
        assert np.array_equal(images[place].permute(1, 2, 0), part.resize((16, 14), Image.Resampling.BICUBIC))
    some = torch.tensor([29, 0])
    assert torch.equal(cropped.subset(some).batch(torch.arange(2))[0], images[some])
    assert not torch.equal(images, split.resized(14, 16).batch(torch.arange(30))[0])


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size_wherever_the_part_lies(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(0, size=(640, 480)))
    split = EncodedSplit(ImageFiles(tmp_path, ("a.jpg",)), torch.tensor([0]), (32, 32))
    whole = torch.from_numpy(split.whole(0).copy()).permute(2, 0, 1)[None].float()
    for seed in range(4):
        numbers = crop_numbers(1, 0.2, torch.Generator().manual_seed(seed))
        top, left, height, width = fit_crops(numbers, 640, 480)[0].tolist()
        part = whole[..., top : top + height, left : left + width]
        wanted = torch.nn.functional.interpolate(part, (32, 32), mode="bicubic", antialias=True)[0].clamp(0, 255)
        image = split.cropped(numbers).batch(torch.tensor([0]))[0][0]
        assert (image - wanted).abs().mean() < 2


def test_the_fingerprint_knows_names_sizes_labels_and_some_bytes(split, tmp_path):
    digests = {split.digest(), EncodedSplit(split.source, split.labels.flip(0)).digest()}
    path = tmp_path / split.source.paths[7]
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))  # every image is in the sample of so few
    digests.add(split.digest())
    path.write_bytes(bytes(data) + b"\0")
    digests.add(split.digest())
    assert len(digests) == 4
    assert len(split.sampled()) == 30 <= SAMPLED


def test_copies_of_a_file_have_equal_contents(split, tmp_path):
    first, second, *_ = split.source.paths
    (tmp_path / second).write_bytes((tmp_path / first).read_bytes())
    assert split.contents[0] == split.contents[1] != split.contents[2]


def test_a_damaged_image_is_named(split, tmp_path):
    path = tmp_path / split.source.paths[3]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ScansearchError, match=r"0009.JPEG cannot be decoded \(.*\); .*skip_damaged=true"):
        split.batch(torch.tensor([2, 3]))
    found = split.damage(range(5))
    assert [bool(why) for why in found] == [False, False, False, True, False]


def test_deep_images_are_refused(tmp_path):
    Image.fromarray(np.full((6, 6), 300, dtype=np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(ScansearchError, match=r"grey of 16 or 32 bits.*which imagefolder and npz read"):
        EncodedSplit(ImageFiles(tmp_path, ("a.png",)), torch.tensor([0])).batch(torch.tensor([0]))
