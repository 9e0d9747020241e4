"""A split whose images stay in files and are decoded when a batch asks for them."""

from __future__ import annotations

import hashlib
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from scansearch.data.pixels import covering
from scansearch.errors import ScansearchError

MOST_THREADS = 8
# What pillow raises on damaged files, by format: UnidentifiedImageError is an OSError, SyntaxError comes from PNG.
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, Image.DecompressionBombError)
WIDE_MODES = ("I", "F")


@dataclass(frozen=True)
class FileSplit:
    """Image files, decoded lazily to RGB in a few threads.

    Args:
        root: Folder that ``files`` are relative to.
        files: Paths of the images.
        labels: int64 of shape (n,).
        size: (height, width) that every image is scaled to cover and cropped to, about the centre.
    """

    root: Path
    files: tuple[str, ...]
    labels: torch.Tensor
    size: tuple[int, int]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(3, height, width)."""
        return 3, *self.size

    def __len__(self) -> int:
        return len(self.files)

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Decodes images, uint8 of shape (B, 3, H, W); labels, int64 of shape (B,).

        Raises:
            ScansearchError: If an image is missing or damaged; the message names the file.
        """
        paths = [self.root / self.files[index] for index in indices.tolist()]
        images = np.empty((len(paths), *self.size, 3), dtype=np.uint8)
        for place, image in enumerate(_pool(os.getpid()).map(lambda path: decode(path, *self.size), paths)):
            images[place] = image
        return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), self.labels[indices]

    def subset(self, indices: torch.Tensor) -> FileSplit:
        """The split that holds only ``indices``."""
        files = tuple(self.files[index] for index in indices.tolist())
        return replace(self, files=files, labels=self.labels[indices])

    def resized(self, height: int, width: int) -> FileSplit:
        """The split that decodes to another size."""
        return replace(self, size=(height, width))

    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the relative paths and labels; the pixels are not read."""
        digest = hashlib.sha256(
            "\0".join(Path(file).as_posix() for file in self.files).encode(errors="surrogateescape")
        )
        digest.update(self.labels.numpy().astype("<i8").tobytes())
        return digest.hexdigest()


def decode(path: Path, height: int, width: int) -> np.ndarray:
    """Reads one image as RGB, scaled to cover height x width (bilinear, antialiased) and cropped about the centre.

    Returns:
        uint8 of shape (height, width, 3).

    Raises:
        ScansearchError: If it is missing, damaged, larger than pillow's safety limit, or not of 8 bits a channel.
    """
    try:
        with Image.open(path) as image:
            if image.mode.startswith(WIDE_MODES):
                raise ScansearchError(f"images must have 8 bits a channel, but {path} has mode {image.mode}")
            rows, columns = covering(image.height, image.width, height, width)
            # A JPEG can be decoded at a half, a quarter or an eighth of its size, at a fraction of the time.
            image.draft("RGB", (columns, rows))
            box = _centre(image.size, width, height)
            return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR, box=box))
    except FileNotFoundError:
        raise ScansearchError(f"the image {path} is gone; do not change the data while a run uses them") from None
    except DAMAGE as error:
        reason = str(getattr(error, "strerror", None) or error).splitlines()[0]
        raise ScansearchError(f"the image {path} cannot be decoded ({reason}); replace or remove it") from None


def _centre(size: tuple[int, int], width: int, height: int) -> tuple[float, float, float, float]:
    # The crop comes before the scaling: a picture of 10,000 x 1 would otherwise be scaled up whole.
    scale = min(size[0] / width, size[1] / height)
    left, top = (size[0] - scale * width) / 2, (size[1] - scale * height) / 2
    return left, top, left + scale * width, top + scale * height


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    # By process: threads do not survive a fork.
    return ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1), thread_name_prefix="decode")
