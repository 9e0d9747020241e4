from __future__ import annotations

import pytest
import torch

from scansearch.data import Augmentation, AugmentSettings, DenseSplit, TensorSplit
from scansearch.data.augment import check_dense
from scansearch.data.dense import IGNORED, is_dense
from scansearch.data.random_crop import crop, crop_nearest
from scansearch.errors import ScansearchError


def split_of(targets: torch.Tensor) -> DenseSplit:
    """Images whose brightness is that of their targets."""
    return DenseSplit((targets * 100).to(torch.uint8)[:, None], torch.zeros(len(targets), dtype=torch.int64), targets)


def blocks(count: int = 6, height: int = 8, width: int = 12) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, 3, (count, height // 4, width // 4), generator=random)
    return coarse.repeat_interleave(4, 1).repeat_interleave(4, 2)


def test_a_split_tells_its_classes_without_what_is_ignored():
    split = split_of(torch.tensor([[[0, 2], [IGNORED, 2]]]))
    assert is_dense(split)
    assert split.classes() == (0, 2)
    assert not is_dense(TensorSplit(split.images, split.labels))


@pytest.mark.parametrize("value", [-1, 256])
def test_targets_out_of_range_are_refused(value):
    with pytest.raises(ScansearchError, match="classes from 0 to 254, or 255"):
        split_of(torch.full((1, 2, 2), value))


@pytest.mark.parametrize("size", [(16, 24), (4, 6), (8, 8), (24, 12)])
def test_images_and_targets_are_scaled_together(size):
    scaled = split_of(blocks()).resized(*size)
    images, targets = scaled.batch(torch.arange(6))
    assert (images.shape[2:], targets.shape[1:]) == (size, size)
    sure = torch.isin(images[:, 0], torch.tensor([0, 100, 200], dtype=torch.uint8))
    inner = sure & (targets * 100 == images[:, 0])
    assert inner.sum() / sure.sum() > 0.9  # between 0 and 200 an edge is 100, too
    assert set(targets.unique().tolist()) <= {0, 1, 2}


def test_targets_move_with_their_images():
    settings = AugmentSettings(shift=0.25, flip=0.5)
    targets = blocks()
    images, moved = Augmentation(settings, 3)(targets[:, None].float(), targets, torch.Generator().manual_seed(1))
    assert torch.equal(images[:, 0], moved.float())
    assert not torch.equal(moved, targets)


def test_what_a_shift_brings_in_is_ignored_where_the_image_is_blank():
    settings = AugmentSettings(shift=0.25, shift_fill="mean")
    targets = blocks() % 2
    images, moved = Augmentation(settings, 2)(targets[:, None].float() + 1, targets, torch.Generator().manual_seed(1))
    outside = images[:, 0] == 0
    assert outside.any()
    assert torch.equal(moved == IGNORED, outside)
    assert torch.equal(images[:, 0][~outside], moved[~outside].float() + 1)


def test_a_crop_takes_the_same_part_of_both():
    targets = blocks(height=32, width=32) * 50
    parts = torch.tensor(
        [[0, 0, 32, 32], [4, 8, 16, 16], [3, 5, 9, 20], [31, 31, 1, 1], [0, 16, 32, 8], [8, 8, 24, 24]]
    )
    cropped = crop_nearest(targets, parts)
    shown = crop(targets[:, None].float(), parts)[:, 0]
    assert torch.equal(cropped[0], targets[0])
    assert torch.equal(cropped[1], targets[1, 4:20, 8:24].repeat_interleave(2, 0).repeat_interleave(2, 1))
    assert (cropped[3] == targets[3, 31, 31]).all()
    assert ((shown - cropped).abs() < 25).float().mean() > 0.9  # but where an edge is between two of its pixels


def test_pixels_alone_are_erased():
    targets = blocks()
    images, same = Augmentation(AugmentSettings(erase=1.0, jitter=0.0), 3)(
        targets[:, None].float(), targets, torch.Generator().manual_seed(0)
    )
    assert same is targets or torch.equal(same, targets)
    assert not torch.equal(images[:, 0], targets.float())


@pytest.mark.parametrize("name", ["rand_augment", "mixup", "cutmix"])
def test_what_masks_cannot_follow_is_refused(name):
    settings = AugmentSettings(**{name: 0.5})
    with pytest.raises(ScansearchError, match=f"not through {name}; use --set {name}=0"):
        check_dense(settings)
    with pytest.raises(ScansearchError, match=f"use --set {name}=0"):
        Augmentation(settings, 3).check_targets(blocks())
    Augmentation(settings, 3).check_targets(torch.zeros(4, dtype=torch.int64))
