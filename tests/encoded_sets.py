"""Tiny data sets of encoded images, as large ones lie on disk: image ``number`` of class ``number % 3``."""

import io
import tarfile

import numpy as np
from PIL import Image

CLASSES = ("ant", "bee", "cat")
SIZES = ((20, 26), (24, 18), (22, 22))


def pixels(number, size=None):
    """Random pixels, uint8 (height, width, 3)."""
    height, width = size or SIZES[number % 3]
    small = np.random.default_rng(number).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def jpeg(number, size=None):
    file = io.BytesIO()
    Image.fromarray(pixels(number, size)).save(file, "JPEG", quality=95)
    return file.getvalue()


def write_imagenet(root, train=30, val=12, **size):
    """Folders train and val, a folder a class."""
    for part, count, first in (("train", train, 0), ("val", val, 1000)):
        for number in range(count):
            folder = root / part / CLASSES[number % 3]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:04}.JPEG").write_bytes(jpeg(first + number, **size))
    return root


def write_shard(path, files):
    """A tar archive of ``{name: bytes}``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def write_shards(root, train=30, val=12, shard=10):
    """Shards train-000000.tar ..., each sample a .jpg and a .cls."""
    for part, count, first in (("train", train, 0), ("val", val, 1000)):
        for start in range(0, count, shard):
            files = {}
            for number in range(start, min(start + shard, count)):
                files |= {f"{number:04}.jpg": jpeg(first + number), f"{number:04}.cls": str(number % 3).encode()}
            write_shard(root / f"{part}-{start // shard:06}.tar", files)
    return root
