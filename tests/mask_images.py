"""A small data set of images and masks: squares and discs of one colour on noise, so that pixels alone do not tell the classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

BACKGROUND, SQUARE, DISC, IGNORED = 0, 1, 2, 255
SIDE = 16
NAMES = ("background", "square", "disc")


def write_masked(root: Path, count: int, seed: int = 0, side: int = SIDE) -> None:
    """Writes ``root/images/0.png``, ... and their masks; the first row of every mask is ignored."""
    random = np.random.default_rng(seed)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(count):
        image, mask = drawn(random, side)
        Image.fromarray(image).save(root / "images" / f"{number}.png")
        Image.fromarray(mask).save(root / "masks" / f"{number}.png")


def drawn(random: np.random.Generator, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """An image (side, side, 3) and its mask (side, side), with one square and one disc."""
    mask = np.full((side, side), BACKGROUND, np.uint8)
    y, x = np.mgrid[:side, :side] + 0.5
    radius, across = side / 5, random.permutation([side / 4, side - side / 4])
    for kind, column in zip((SQUARE, DISC), across, strict=True):
        row = random.uniform(radius, side - radius)
        far = np.maximum(abs(y - row), abs(x - column)) if kind == SQUARE else np.hypot(y - row, x - column)
        mask[far <= radius] = kind
    grey = np.where(mask == BACKGROUND, 80, 170)[..., None] + random.normal(0, 20, (side, side, 3))
    mask[0] = IGNORED
    return np.clip(grey, 0, 255).astype(np.uint8), mask
