"""Images: arrays, folders of files, IDX files."""

from __future__ import annotations

import io
import shutil
import struct
import zipfile
from pathlib import Path
from random import Random

import numpy as np
from cases import IMAGES, Case, Maker
from mutations import damaged


def arrays(folder: Path) -> Maker:
    """An .npz archive."""
    random = np.random.default_rng(0)
    sound = {"images": random.integers(0, 256, (64, 8, 8), dtype=np.uint8), "labels": np.arange(64) % 2}

    def make(random: Random, work: Path) -> Case:
        kind = random.randrange(3)
        target = work / "a.npz"
        if kind == 0:
            np.savez(target, **sound)
            target.write_bytes(damaged(target.read_bytes(), random))
        elif kind == 1:
            _crafted_archive(random, sound, target)
        else:
            np.savez(target, **_odd_arrays(random, sound))
        return Case(f"npz {kind}", [["run", "--data", "npz", "--data-root", "a.npz", *IMAGES]])

    return make


def _odd_arrays(random: Random, sound: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    name = random.choice(list(sound))
    array = sound[name]
    odd = random.choice(
        (array.astype(float), array.astype(np.float16) * np.nan, array.astype(np.int64) - 100, array.astype(np.uint64) + 2**63, array[:0],
         array[:, None],
         array[..., None, None, None], array.astype(bool), array.astype(complex), array.astype("S8"), array[:7], array.astype(">i4"),
         np.float64(1e308) * np.ones_like(array, float), array.astype("datetime64[s]"))
    )  # fmt: skip
    more = random.choice(({}, {}, {"train_images": array}, {"val_labels": array}, {"extra": array}))
    return {**sound, name: odd, **more}


def _crafted_archive(random: Random, sound: dict[str, np.ndarray], target: Path) -> None:
    """Headers that claim other shapes and types than there is data for, and members that are no arrays."""
    with zipfile.ZipFile(target, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, array in sound.items():
            body = io.BytesIO()
            np.save(body, array)
            data = body.getvalue()
            if random.random() < 0.7:
                shape = random.choice(
                    (
                        "(1000000000, 8, 8)",
                        "(-1, 8, 8)",
                        "(64, 8)",
                        "()",
                        "(99999999999999999999,)",
                        "(64, 8, 8,",
                        "None",
                    )
                )
                kind = random.choice(("|u1", "<f8", "|O", "<U99999999", "<i8", "nonsense"))
                header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
                data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n" + array.tobytes()
            archive.writestr(
                f"{name}{random.choice(('.npy', '.npy', ''))}", random.choice((data, data, b"not an array"))
            )


def pictures(folder: Path) -> Maker:
    """A folder of images, of which some are damaged."""
    from PIL import Image

    random = np.random.default_rng(0)
    extensions = ("png", "jpg", "tiff", "gif", "bmp", "webp", "ppm")
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for number in range(14):
            pixels = random.integers(0, 256, (12, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.{extensions[number % len(extensions)]}")

    def make(random: Random, work: Path) -> Case:
        shutil.copytree(folder, work / "images")
        paths = sorted((work / "images").rglob("*.*"))
        for path in random.sample(paths, random.choice((1, 3))):
            path.write_bytes(damaged(path.read_bytes(), random))
        return Case("images", [["run", "--data", "imagefolder", "--data-root", "images", *IMAGES]])

    return make


def idx(folder: Path) -> Maker:
    """The four files of Fashion-MNIST, cut short."""

    def make(random: Random, work: Path) -> Case:
        pixels = np.random.default_rng(0).integers(0, 256, (64, 28, 28), dtype=np.uint8)
        for part in ("train", "t10k"):
            images = struct.pack(">HBBIII", 0, 8, 3, *pixels.shape) + pixels.tobytes()
            labels = struct.pack(">HBBI", 0, 8, 1, 64) + bytes(i % 10 for i in range(64))
            for name, data in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
                (work / name).write_bytes(damaged(data, random) if random.random() < 0.4 else data)
        return Case("idx", [["run", "--data", "fashion-mnist", "--data-root", ".", *IMAGES]])

    return make
