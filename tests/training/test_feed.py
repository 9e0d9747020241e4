"""Batches are a pure function of the seed and the step; what is held out is made only when asked for."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from scansearch.data import Augmentation, AugmentSettings, TensorSplit, normalise
from scansearch.errors import ScansearchError
from scansearch.training.batches import AUGMENT, HELD_OUT_AUGMENT, generator

RECIPE = AugmentSettings(
    crop_min=0.08,
    flip=0.5,
    rand_augment=9,
    rand_augment_form="localmamba",
    jitter=0.4,
    erase=0.25,
    mixup=0.2,
    mix_together=3,
)
EVERYTHING = AugmentSettings(shift=0.25, flip=0.5, brightness=0.3, contrast=0.3, erase=0.5, mixup=0.8, cutmix=1.0)


@dataclass
class Elsewhere:
    """A split whose images do not lie in memory, so that they are read ahead."""

    split: TensorSplit

    def __getattr__(self, name):
        return getattr(self.split, name)

    def __len__(self):
        return len(self.split)

    def batch(self, indices):
        if 13 in indices.tolist():
            raise ScansearchError("image 13 is damaged")
        return self.split.batch(indices)


class Whole(Elsewhere):
    def batch(self, indices):
        return self.split.batch(indices)


def same(one, other):
    return torch.equal(one.images, other.images) and torch.equal(one.targets, other.targets)


def test_a_batch_is_normalised_and_augmented_with_numbers_of_its_own(feed, data):
    fed = feed(held_out_share=0.4)
    augment = Augmentation(fed.augment.settings, 3)
    for number in (0, 7):
        for batch, batches, stream in (
            (fed.train(number), fed.batches, AUGMENT),
            (fed.held_out(number), fed.held_out_batches, HELD_OUT_AUGMENT),
        ):
            images, labels = data.train.batch(batches[number])
            images = normalise(images, data.mean, data.std)
            wanted = augment(images, labels, generator(5, stream, number, 0))
            assert torch.equal(batch.images, wanted[0])
            assert torch.equal(batch.targets, wanted[1])


@pytest.mark.parametrize("what", ["train", "held_out"])
def test_batches_that_were_read_ahead_are_the_same_in_any_order(feed, data, what):
    there, ahead = feed(held_out_share=0.4), feed(held_out_share=0.4, train=Whole(data.train))
    assert ahead._train.active
    assert not there._train.active
    state = torch.get_rng_state()
    for number in (0, 1, 2, 9, 3, 3, 0):
        assert same(getattr(there, what)(number), getattr(ahead, what)(number))
    assert torch.equal(state, torch.get_rng_state())


def test_a_damaged_image_is_told_by_the_step_that_needs_it(feed, data):
    fed = feed(AugmentSettings(), train=Elsewhere(data.train))
    step = next(n for n in range(5) if 13 in fed.batches[n].tolist())
    for number in range(step):
        fed.train(number)
    with pytest.raises(ScansearchError, match="image 13 is damaged"):
        fed.train(step)
    fed.train(step + 1)


def test_what_is_held_out_is_made_only_when_asked_for(feed, monkeypatch):
    fed = feed(held_out_share=0.5)
    monkeypatch.setattr(fed, "_held_out", lambda number: pytest.fail("made"))
    assert fed.has_held_out
    fed.train(0)
    assert not torch.isin(fed.batches.samples, fed.held_out_batches.samples).any()
    assert not feed().has_held_out


@pytest.mark.parametrize("limit", [None, 1, 7, 100])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_split_comes_whole_or_evenly_spaced_and_not_augmented(feed, data, limit, elsewhere):
    validation = Whole(data.validation) if elsewhere else data.validation
    parts = list(feed().over(validation, limit))
    count = min(limit or 23, 23)
    spaced = torch.arange(count) * 23 // count
    images, labels = data.validation.batch(spaced)
    assert torch.equal(torch.cat([part.images for part in parts]), normalise(images, data.mean, data.std))
    assert torch.equal(torch.cat([part.targets for part in parts]), labels)
    assert {len(part.images) for part in parts[:-1]} <= {8}


class Dense(TensorSplit):
    def batch(self, indices):
        images, labels = super().batch(indices)
        return images, labels[:, None, None].expand(-1, 6, 6)


def test_bytes_are_changed_before_they_are_normalised(feed, data):
    fed = feed(RECIPE)
    images, labels = data.train.batch(fed.batches[2])
    augment = Augmentation(RECIPE, 3, data.mean)
    draws = augment.draw(images.shape, generator(5, AUGMENT, 2, 0))
    changed = augment.change(images, draws)
    assert changed.dtype == torch.uint8
    assert not torch.equal(changed, images)
    wanted = augment.apply(normalise(changed, data.mean, data.std), labels, draws)
    found = fed.train(2)
    assert torch.equal(found.images, wanted[0])
    assert torch.equal(found.targets, wanted[1])
    state = torch.get_rng_state()
    torch.manual_seed(1)
    assert same(feed(RECIPE, train=Whole(data.train)).train(2), found)
    torch.set_rng_state(state)


def test_what_is_for_bytes_is_refused_before_the_first_step(feed, data):
    numbers = TensorSplit(data.train.images.float(), data.train.labels)
    feed(AugmentSettings(crop_min=0.08, flip=0.5), train=numbers).train(0)
    for settings in (AugmentSettings(rand_augment=9), AugmentSettings(jitter=0.4)):
        with pytest.raises(ScansearchError, match=r"these images are torch.float32; use --set rand_augment=0"):
            feed(settings, train=numbers)


def test_dense_targets_come_with_their_images(feed, data):
    dense = Dense(data.train.images, data.train.labels)
    assert feed(AugmentSettings(shift=0.2, flip=0.5), train=dense).train(0).targets.shape == (8, 6, 6)
    with pytest.raises(ScansearchError, match="use --set rand_augment=0"):
        feed(AugmentSettings(rand_augment=9), train=dense).train(0)


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("augment", [EVERYTHING, RECIPE, AugmentSettings(erase=0.5), AugmentSettings()])
def test_the_shares_of_several_processes_are_the_batch_of_one(feed, augment, processes, monkeypatch):
    for what in ("train", "held_out"):
        for number in (0, 3):
            whole = getattr(feed(augment, held_out_share=0.4), what)(number)
            for rank in range(processes):
                shared = feed(augment, held_out_share=0.4)
                monkeypatch.setattr(shared, "processes", SimpleNamespace(rank=rank, size=processes))
                part = getattr(shared, what)(number)
                assert torch.equal(part.images, whole.images[rank::processes])
                assert torch.equal(part.targets, whole.targets[rank::processes])
