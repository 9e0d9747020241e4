"""The middle of validation and test images, as published accuracies are of it."""

import numpy as np
import pytest
import torch
from encoded_sets import jpeg, pixels, write_imagenet, write_shards
from PIL import Image

from scansearch.data.digits import DIGITS
from scansearch.data.image_file import decode
from scansearch.data.image_folder import IMAGE_FOLDER
from scansearch.data.imagenet import IMAGENET
from scansearch.data.mask_folder import MASK_FOLDER
from scansearch.data.webdataset import WEBDATASET
from scansearch.errors import ScansearchError
from tests.mask_images import write_masked


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def published(image, size, scaled):
    """``Resize(scaled, bicubic)`` and ``CenterCrop(size)`` of torchvision, by Pillow alone."""
    short, long = min(image.size), max(image.size)
    other = int(scaled * long / short)
    image = image.resize((scaled, other) if image.width <= image.height else (other, scaled), Image.Resampling.BICUBIC)
    left, top = (round((side - size) / 2) for side in image.size)
    return np.asarray(image.crop((left, top, left + size, top + size)))


def alike(found, wanted):
    difference = abs(found.astype(int) - wanted.astype(int))
    assert difference.max() <= 2
    assert difference.mean() < 0.25  # half a pixel beside it is more


@pytest.mark.parametrize("size", [(500, 375), (333, 500), (224, 300), (180, 201), (640, 31), (97, 97)])
@pytest.mark.parametrize(("side", "scaled"), [(224, 256), (192, 219)])
def test_it_is_the_published_one_but_for_rounding(size, side, scaled, tmp_path):
    image = Image.fromarray(pixels(0, size[::-1]))
    image.save(tmp_path / "a.png")
    alike(decode(tmp_path / "a.png", side, side, 0.875), published(image, side, scaled))


def test_what_need_not_be_scaled_is_cut_out(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (340, 256, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png", 224, 224, 0.875), noise[58:282, 16:240])


def test_an_image_of_the_size_is_left_whole(tmp_path):
    image = pixels(0, (20, 20))
    Image.fromarray(image).save(tmp_path / "a.png")
    assert np.array_equal(decode(tmp_path / "a.png", 20, 20, 0.875), image)


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size_and_looks_alike(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(jpeg(0, (800, 1000)))
    with Image.open(tmp_path / "a.jpg") as image:
        wanted = published(image, 64, 73).astype(int)
    sizes = []
    resize = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda self, *a, **k: sizes.append(self.size) or resize(self, *a, **k))
    assert abs(decode(tmp_path / "a.jpg", 64, 64, 0.875) - wanted).max() <= 4
    assert sizes == [(125, 100)]  # an eighth: 73 rows fit into 100


def middle(split, place, size, scaled):
    path = split.root / split.files[place] if hasattr(split, "files") else split.source.name(place)
    with Image.open(path) as image:
        return published(image.convert("RGB"), size, scaled)


def test_imagenet_is_evaluated_as_published_and_trained_on_whole(tmp_path):
    data = IMAGENET.load(write_imagenet(tmp_path), image_size=14)
    for split in (data.validation, data.test):
        images, _ = split.batch(torch.arange(3))
        for place in range(3):
            alike(images[place].permute(1, 2, 0).numpy(), middle(split, place, 14, 16))
    assert [data.train.inner, data.validation.subset(torch.tensor([0])).inner] == [1, 0.875]
    whole = IMAGENET.load(tmp_path, image_size=14, evaluation_crop=1)
    assert whole.fingerprints == data.fingerprints
    assert not torch.equal(whole.test.batch(torch.arange(3))[0], data.test.batch(torch.arange(3))[0])
    assert WEBDATASET.load(write_shards(tmp_path / "shards"), image_size=14).test.inner == 0.875


def test_an_image_folder_is_if_it_is_asked(tmp_path):
    write_imagenet(tmp_path)
    assert IMAGE_FOLDER.load(tmp_path, image_size=14).test.inner == 1
    data = IMAGE_FOLDER.load(tmp_path, image_size=14, evaluation_crop=0.875)
    images, _ = data.test.batch(torch.arange(3))
    for place in range(3):
        alike(images[place].permute(1, 2, 0).numpy(), middle(data.test, place, 14, 16))
    assert data.train.inner == 1


def test_what_has_no_files_or_has_masks_is_refused(tmp_path):
    write_masked(tmp_path, 8)
    for spec, root in ((DIGITS, None), (MASK_FOLDER, tmp_path)):
        with pytest.raises(ScansearchError, match=r"evaluation_crop=0.875 is for image files .* set it to 1"):
            spec.load(root, evaluation_crop=0.875)
    with pytest.raises(ScansearchError, match=r"evaluation_crop must lie in 0.1 \.\.\. 1, but got 1.2"):
        DIGITS.load(evaluation_crop=1.2)
