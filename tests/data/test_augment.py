from __future__ import annotations

import pytest
import torch

from scansearch.data import Augmentation, AugmentSettings
from scansearch.data.mixup import symmetric_beta
from scansearch.data.random_boxes import box_mask

EVERYTHING = AugmentSettings(
    shift=0.25, flip=0.5, brightness=0.3, contrast=0.3, erase=0.5, mixup=0.8, cutmix=1.0, mix_probability=0.7
)
EACH = [
    AugmentSettings(),
    AugmentSettings(shift=0.25),
    AugmentSettings(shift=0.25, shift_fill="mean"),
    AugmentSettings(flip=0.5),
    AugmentSettings(brightness=0.5),
    AugmentSettings(contrast=0.5),
    AugmentSettings(erase=0.5),
    AugmentSettings(erase=0.5, erase_fill="mean"),
    AugmentSettings(mixup=0.8),
    AugmentSettings(cutmix=0.5),
    AugmentSettings(mixup=0.2, cutmix=1, mix_together=5),
    AugmentSettings(crop_min=0.08),
    EVERYTHING,
]
NAMES = [",".join(f"{k}={v}" for k, v in settings.model_dump(exclude_defaults=True).items()) for settings in EACH]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(size: int = 64, shape: tuple[int, int, int] = (3, 8, 12)) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(size, *shape, generator=generator(9)), torch.arange(size) % 5


@pytest.mark.parametrize("settings", EACH, ids=NAMES)
def test_a_pure_function_of_the_generator(settings: AugmentSettings) -> None:
    augment = Augmentation(settings, 5)
    images, labels = batch()
    before = images.clone()
    state = torch.get_rng_state()
    first, targets = augment(images, labels, generator(1))
    torch.rand(3)  # the global generator may stand anywhere
    second, again = augment(images, labels, generator(1))
    assert torch.equal(first, second)
    assert torch.equal(targets, again)
    assert torch.equal(images, before)
    torch.set_rng_state(state)
    augment(images, labels, generator(1))
    assert torch.equal(torch.get_rng_state(), state)
    if settings != AugmentSettings():
        assert not torch.equal(first, augment(images, labels, generator(2))[0])


@pytest.mark.parametrize("settings", EACH, ids=NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 8, 12), (7, 5, 4)])
@pytest.mark.parametrize("size", [1, 7])
def test_shapes_types_and_targets(
    settings: AugmentSettings, dtype: torch.dtype, shape: tuple[int, int, int], size: int
) -> None:
    images, labels = batch(size, shape)
    found, targets = Augmentation(settings, 5)(images.to(dtype), labels, generator())
    assert found.shape == images.shape
    assert found.dtype == dtype
    assert found.isfinite().all()
    if settings.mixes:
        assert targets.shape == (size, 5)
        assert targets.dtype == torch.float32
        assert (targets >= 0).all()
        torch.testing.assert_close(targets.sum(dim=1), torch.ones(size))
    else:
        assert torch.equal(targets, labels)


def test_nothing_is_done_by_default() -> None:
    images, labels = batch()
    assert Augmentation(AugmentSettings(), 5)(images, labels, generator())[0] is images


@pytest.mark.parametrize("fill", ["edge", "mean"])
def test_a_shift_is_a_shift(fill: str) -> None:
    images, labels = batch(200, (2, 8, 12))
    moved, _ = Augmentation(AugmentSettings(shift=0.25, shift_fill=fill), 5)(images, labels, generator())
    mode = "replicate" if fill == "edge" else "constant"
    padded = torch.nn.functional.pad(images, (3, 3, 2, 2), mode=mode)
    windows = torch.stack([padded[:, :, y : y + 8, x : x + 12] for y in range(5) for x in range(7)])
    same = (windows == moved).flatten(2).all(dim=2)
    assert same.any(dim=0).all()
    assert same.any(dim=1).all(), "some shift never happens"


def test_a_flip_mirrors_about_half_of_the_images() -> None:
    images, labels = batch(400)
    moved, _ = Augmentation(AugmentSettings(flip=0.5), 5)(images, labels, generator())
    mirrored = (moved == images.flip(3)).flatten(1).all(dim=1)
    assert (mirrored | (moved == images).flatten(1).all(dim=1)).all()
    assert 150 < int(mirrored.sum()) < 250
    always, _ = Augmentation(AugmentSettings(flip=1), 5)(images, labels, generator())
    assert torch.equal(always, images.flip(3))


def test_jitter_is_one_affine_map_an_image() -> None:
    images, labels = batch()
    found, _ = Augmentation(AugmentSettings(contrast=0.5, brightness=0.5), 5)(images, labels, generator())
    spread = found.std(dim=(1, 2, 3)) / images.std(dim=(1, 2, 3))
    offset = found.mean(dim=(1, 2, 3)) - images.mean(dim=(1, 2, 3))
    assert 0.5 <= spread.min() < 0.6 < 1.4 < spread.max() <= 1.5
    assert -0.5 <= offset.min() < -0.4 < 0.4 < offset.max() <= 0.5


def test_erasing_leaves_the_rest() -> None:
    images, labels = batch(400, (3, 20, 20))
    settings = AugmentSettings(erase=0.5, erase_fill="mean", erase_min=0.1, erase_max=0.3)
    found, _ = Augmentation(settings, 5)(images, labels, generator())
    erased = (found == 0).all(dim=1)
    assert torch.equal(found, images.masked_fill(erased[:, None], 0))
    share = erased.float().mean(dim=(1, 2))
    assert 150 < int((share > 0).sum()) < 250
    assert float(share[share > 0].min()) > 0.05
    assert float(share.max()) < 0.36


@pytest.mark.parametrize("settings", [AugmentSettings(mixup=1), AugmentSettings(cutmix=1), EACH[-1]])
def test_targets_follow_the_pixels(settings: AugmentSettings) -> None:
    # Channel c of an image of class c is 1: after mixing, the mean of a channel is the share of its class.
    labels = torch.arange(64) % 4
    images = torch.nn.functional.one_hot(labels, 4).float()[:, :, None, None].expand(-1, -1, 8, 8).contiguous()
    only_mixing = AugmentSettings(
        mixup=settings.mixup, cutmix=settings.cutmix, mix_probability=settings.mix_probability
    )
    found, targets = Augmentation(only_mixing, 4)(images, labels, generator())
    torch.testing.assert_close(found.mean(dim=(2, 3)), targets, rtol=0, atol=1e-6)
    assert (targets.max(dim=1).values < 1).any()


def test_images_in_a_row_are_mixed_alike() -> None:
    shape = (64, 1, 8, 8)
    for together, different in ((1, 64), (10, 7), (64, 1), (100, 1)):
        settings = AugmentSettings(mixup=1, mix_together=together)
        draws = Augmentation(settings, 4).draw(shape, generator())
        assert draws.own is not None
        assert draws.own.shape == (64, 8, 8)
        assert len(draws.own.unique(dim=0)) == different
        for part in draws.own.split(together):
            assert torch.equal(part, part[:1].expand_as(part))


def test_mixing_nothing_changes_nothing() -> None:
    images, labels = batch()
    augment = Augmentation(AugmentSettings(mixup=1, cutmix=1, mix_probability=1e-9), 5)
    found, targets = augment(images, labels, generator())
    assert torch.equal(found, images)
    assert torch.equal(targets.argmax(dim=1), labels)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_the_beta_distribution(alpha: float) -> None:
    drawn = symmetric_beta(20_000, alpha, generator()).double()
    assert 0 <= drawn.min() <= drawn.max() <= 1
    assert abs(float(drawn.mean()) - 0.5) < 0.01
    assert abs(float(drawn.var()) - 1 / (4 * (2 * alpha + 1))) < 0.004


def test_boxes_lie_inside_anywhere_with_the_area_asked_for() -> None:
    boxes = box_mask(torch.full((2000,), 0.25), 16, 16, generator())
    assert (boxes.sum(dim=(1, 2)) == 64).all()
    often = boxes.float().mean(dim=0)
    assert (often > 0).all()
    assert torch.equal(box_mask(torch.tensor([0.0, 1.0]), 5, 7, generator()).sum(dim=(1, 2)), torch.tensor([0, 35]))
