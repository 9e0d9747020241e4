from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from scansearch.data import Augmentation
from scansearch.data import pixel_operations as pixels
from scansearch.data.augment_settings import AugmentSettings
from scansearch.data.rand_augment import FORMS, JITTER, Step, jitter_draws, rand_augment_draws, run_steps
from scansearch.errors import ScansearchError

ON = AugmentSettings(rand_augment=9)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(size: int = 30, shape: tuple[int, int, int] = (3, 10, 12)) -> torch.Tensor:
    return torch.randint(0, 256, (size, *shape), generator=generator(5)).to(torch.uint8)


@pytest.mark.parametrize(("form", "count"), [("timm", 15), ("localmamba", 19)])
def test_every_operation_is_drawn_and_applied_in_half_of_the_cases(form: str, count: int) -> None:
    assert len(FORMS[form]) == count
    settings = ON.replace(rand_augment_form=form, rand_augment_count=3)
    steps, shares = rand_augment_draws(6000, settings, generator())
    assert steps.shape == shares.shape == (6000, 3)
    assert float((steps < 0).float().mean()) == pytest.approx(0.5, abs=0.02)
    often = steps[steps >= 0].bincount(minlength=count).double() / (steps >= 0).sum()
    assert often.tolist() == pytest.approx([1 / count] * count, abs=0.012)
    assert float(shares.abs().mean()) == pytest.approx(0.9, abs=0.01)
    assert float(shares.abs().std()) == pytest.approx(0.05, abs=0.01)
    assert float((shares > 0).float().mean()) == pytest.approx(0.5, abs=0.02)
    assert bool((shares.abs() > 1).any()) == (form == "localmamba")


PUBLISHED = {  # of magnitude 9, and where the sign counts, of both signs
    "timm": {
        pixels.rotate: {27, -27},
        pixels.posterize: {1},
        pixels.solarize: {26},
        pixels.solarize_add: {99},
        pixels.color: {1.81, 0.19},
        pixels.contrast: {1.81, 0.19},
        pixels.brightness: {1.81, 0.19},
        pixels.sharpness: {1.81, 0.19},
        pixels.shear_x: {0.27, -0.27},
        pixels.shear_y: {0.27, -0.27},
        pixels.translate_x: {0.405, -0.405},
        pixels.translate_y: {0.405, -0.405},
    },
    "localmamba": {
        pixels.rotate: {27, -27},
        pixels.posterize: {3},
        pixels.solarize: {230},
        pixels.solarize_add: {99},
        pixels.color: {1.72},
        pixels.contrast: {1.72},
        pixels.brightness: {1.72},
        pixels.sharpness: {1.72},
        pixels.shear_x: {0.27, -0.27},
        pixels.shear_y: {0.27, -0.27},
        pixels.translate_x: {0.405, -0.405},
        pixels.translate_y: {0.405, -0.405},
        pixels.zoom: {0.36},
        pixels.blur: {0.45, -0.45},
        pixels.skew: {0.27, -0.27},
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_arguments_are_the_published_ones(form: str) -> None:
    share = torch.tensor([0.9, -0.9], dtype=torch.float64)
    for step in FORMS[form]:
        if wanted := PUBLISHED[form].get(step.run):
            found = {round(value, 9) for value in step.argument(share).tolist()}
            assert found == {round(float(value), 9) for value in wanted}
    assert PUBLISHED[form].keys() <= {step.run for step in FORMS[form]}


def test_images_get_their_own_operations_in_their_order() -> None:
    given = images(3)
    table = (Step(pixels.invert), Step(pixels.brightness, lambda share: share * 2), Step(pixels.rotate))
    steps, shares = torch.tensor([[0, 1], [1, 0], [-1, -1]]), torch.tensor([[1.0, 0.25], [0.25, 1.0], [1.0, 1.0]])
    found, half = run_steps(given, steps, shares, table, ()), torch.tensor([0.5], dtype=torch.float64)
    assert torch.equal(found[:1], pixels.brightness(255 - given[:1], half, half))
    assert torch.equal(found[1:2], 255 - pixels.brightness(given[1:2], half, half))
    assert torch.equal(found[2:], given[2:])


def test_the_mean_colour_comes_in_from_outside() -> None:
    given, half = images(1), torch.tensor([[0.5]])
    table, place = (Step(pixels.translate_x),), torch.zeros(1, 1, dtype=torch.int64)
    found = run_steps(given, place, half, table, (0.1, 0.5, 1.0))
    assert found[0, :, :, -1].unique(dim=1).flatten().tolist() == [26, 128, 255]
    assert set(run_steps(given, place, half, table, ())[0, :, :, -1].flatten().tolist()) == {128}


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 10, 12), (5, 4, 9), (3, 1, 1), (1, 2, 2)])
@pytest.mark.parametrize("form", FORMS)
def test_any_bytes_go_through(form: str, shape: tuple[int, int, int]) -> None:
    settings = AugmentSettings(rand_augment=10, rand_augment_std=10, rand_augment_form=form, jitter=1, crop_min=0.08)
    augment, given = Augmentation(settings, 3, (0.5,) * shape[0]), images(200, shape)
    before, draws = given.clone(), augment.draw(given.shape, generator())
    found = augment.change(given, draws)
    assert (found.dtype, found.shape) == (torch.uint8, given.shape)
    assert torch.equal(found, augment.change(given, augment.draw(given.shape, generator())))
    assert torch.equal(given, before)
    # of each image alone, whatever else is in the batch
    few = draws.map(lambda tensor: tensor[3:9])
    assert torch.equal(augment.change(given[3:9], few), found[3:9])


def test_jitter_draws_each_of_three_factors_once() -> None:
    places, factors = jitter_draws(3000, 0.4, generator())
    assert torch.equal(places.sort(1).values, torch.arange(3).expand(3000, 3))
    assert {tuple(row) for row in places.tolist()} == {(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)}
    assert 0.6 <= factors.min() < 0.61 < 1.39 < factors.max() <= 1.4
    changed = run_steps(images(6), places[:6], factors[:6], JITTER, ())
    assert (changed != images(6)).flatten(1).any(1).all()


def test_other_numbers_than_bytes_are_refused_in_one_line() -> None:
    for settings in (ON, AugmentSettings(jitter=0.4)):
        with pytest.raises(ScansearchError, match=r"bytes, 0 to 255, but these images are torch.float32; use") as told:
            Augmentation(settings, 5)(images().float(), torch.zeros(30, dtype=torch.int64), generator())
        assert "\n" not in str(told.value)


def test_another_process_with_more_threads_gets_the_same_bytes() -> None:
    code = (
        "import hashlib, torch; from scansearch.data import Augmentation, AugmentSettings\n"
        "random = torch.Generator().manual_seed(5)\n"
        "images = torch.randint(0, 256, (96, 3, 32, 32), generator=random).to(torch.uint8)\n"
        "settings = AugmentSettings(crop_min=0.08, flip=0.5, rand_augment=9, rand_augment_form='localmamba', jitter=0.4)\n"
        "augment = Augmentation(settings, 3, (0.4, 0.5, 0.6))\n"
        "found = augment.change(images, augment.draw(images.shape, random))\n"
        "print(hashlib.sha256(found.numpy().tobytes()).hexdigest())"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", f"import torch; torch.set_num_threads({threads})\n{code}"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for threads in (1, 3)
    ]
    assert len(told[0]) == 65
    assert told[0] == told[1]
