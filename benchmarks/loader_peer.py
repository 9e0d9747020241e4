"""What others read image files with: torchvision's data set, transforms and torch's DataLoader; without it, Pillow and the DataLoader."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from scansearch.data.random_crop import crop_draws


def peer(root: Path, side: int, smallest: float) -> tuple[str, Any]:
    """The name of the peer, and its images as a data set of torch.

    Args:
        root: A folder of one folder of images.
        side: Pixels of an image, high and wide.
        smallest: Smallest part of an image that is taken.
    """
    torchvision = find_torchvision()
    if torchvision is None:
        return "Pillow and DataLoader (no torchvision here)", PillowImages(root, side, smallest)
    return f"torchvision {torchvision.__version__}", _torchvision_images(root, side, smallest)


def reading(images: Any, order: Sequence[int], batch: int, workers: int) -> Callable[[], None]:
    """A function that reads all batches by torch's DataLoader, whose workers stay."""
    loader = DataLoader(images, batch, sampler=order, num_workers=workers, persistent_workers=True)

    def read() -> None:
        for _ in loader:
            pass

    return read


def find_torchvision() -> Any:
    """torchvision, or None. Its wheels want a torch with the same accelerator, or operators are missing: those are declared.

    Only its Python parts are used, none of the operators.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    while True:
        try:
            import torchvision
        except ImportError:
            return None
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                return None
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]
            library.define(f"{missing[1]}() -> Tensor")
        else:
            return torchvision


def _torchvision_images(root: Path, side: int, smallest: float) -> Any:
    from torchvision import datasets, transforms

    part = transforms.RandomResizedCrop(side, (smallest, 1.0), interpolation=transforms.InterpolationMode.BICUBIC)
    return datasets.ImageFolder(str(root), transforms.Compose([part, transforms.PILToTensor()]))


class PillowImages(Dataset[tuple[torch.Tensor, int]]):
    """Images decoded by Pillow, a random part of each.

    Args:
        root: A folder of one folder of images.
        side: Pixels of an image, high and wide.
        smallest: Smallest part of an image that is taken.
    """

    def __init__(self, root: Path, side: int, smallest: float) -> None:
        self.paths, self.side, self.smallest = sorted(root.glob("*/*")), side, smallest

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.paths[place]) as file:
            image = file.convert("RGB")
        seed = torch.Generator().manual_seed(place)
        top, left, height, width = crop_draws(1, image.height, image.width, self.smallest, seed)[0].tolist()
        part = image.crop((left, top, left + width, top + height))
        pixels = np.array(part.resize((self.side, self.side), Image.Resampling.BICUBIC))
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous(), 0
