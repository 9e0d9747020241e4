from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scansearch.data import DatasetSpec, Parts, TensorSplit
from scansearch.data.division import Half
from scansearch.errors import ScansearchError
from scansearch.registry import DATASETS

ROLES = ("train", "validation", "test")


def numbered(counts: list[int]) -> Parts:
    """Images that carry their own number, so that they can be followed."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    numbers = torch.arange(len(labels))
    images = torch.stack([numbers // 256, numbers % 256], dim=1).to(torch.uint8).view(-1, 1, 1, 2)
    return Parts(TensorSplit(images, labels), tuple(map(str, range(len(counts)))))


def spec(parts: Parts) -> DatasetSpec:
    return DatasetSpec("pile", "a pile", lambda root: parts, "nowhere")


def numbers(split: TensorSplit) -> list[int]:
    return (split.images[:, 0, 0, 0].long() * 256 + split.images[:, 0, 0, 1].long()).tolist()


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.integers(3, 60), min_size=2, max_size=8), seed=st.integers(0, 2**32 - 1))
def test_one_pile_is_split_into_disjoint_stratified_parts(counts: list[int], seed: int) -> None:
    parts = numbered(counts)
    data = spec(parts).load(seed=seed)
    found = [set(numbers(getattr(data, role))) for role in ROLES]
    assert sum(map(len, found)) == sum(counts)
    assert set.union(*found) == set(range(sum(counts)))
    for role in ROLES:
        split = getattr(data, role)
        assert torch.equal(split.labels, parts.train.labels[torch.tensor(numbers(split))])
        held = torch.bincount(split.labels, minlength=len(counts))
        assert (held >= 1).all()
    shares = torch.bincount(data.test.labels) - 0.15 * torch.tensor(counts)
    # a class too small for its share gets one image all the same, at the cost of the others
    assert (shares.abs() <= 1 + 0.55 * (len(counts) - 1)).all()
    again = spec(parts).load(seed=seed)
    assert [numbers(getattr(again, role)) for role in ROLES] == [numbers(getattr(data, role)) for role in ROLES]
    assert again.fingerprint == data.fingerprint


def test_another_seed_is_another_split() -> None:
    first, second = (spec(numbered([50, 50])).load(seed=seed) for seed in (0, 1))
    assert numbers(first.test) != numbers(second.test)
    assert first.fingerprint != second.fingerprint


def test_given_parts_stay_and_missing_ones_come_from_training(make_parts, make_split) -> None:
    test = make_split([5, 5], seed=1)
    data = spec(make_parts([50, 50], test=test)).load()
    assert torch.equal(data.test.images, test.images)
    assert (len(data.train), len(data.validation)) == (90, 10)
    validation = make_split([3, 3], seed=2)
    data = spec(make_parts([50, 50], test=test, validation=validation)).load()
    assert torch.equal(data.validation.images, validation.images)
    assert len(data.train) == 100


def test_statistics_see_training_images_only() -> None:
    images = torch.zeros(200, 1, 2, 2, dtype=torch.uint8)
    labels = torch.arange(200) % 2
    data = spec(Parts(TensorSplit(images, labels), ("a", "b"))).load()
    bright = TensorSplit(torch.full((20, 1, 2, 2), 255, dtype=torch.uint8), torch.arange(20) % 2)
    leaky = spec(Parts(TensorSplit(images, labels), ("a", "b"), validation=bright, test=bright)).load()
    assert data.mean == leaky.mean == (0.0,)
    assert data.std == leaky.std == (1 / 255,)


def test_limit_is_stratified_nested_and_leaves_evaluation_whole() -> None:
    whole, small, tiny = (spec(numbered([400, 100])).load(limit=limit) for limit in (None, 100, 10))
    assert (len(small.train), len(tiny.train)) == (100, 10)
    assert torch.bincount(small.train.labels).tolist() == [80, 20]
    assert set(numbers(tiny.train)) < set(numbers(small.train)) < set(numbers(whole.train))
    for role in ("validation", "test"):
        assert numbers(getattr(tiny, role)) == numbers(getattr(whole, role))
        assert tiny.fingerprints[role] == whole.fingerprints[role]
    assert tiny.fingerprint != whole.fingerprint


def test_validation_has_a_limit_of_its_own() -> None:
    whole, small = (spec(numbered([400, 100])).load(validation_limit=limit) for limit in (None, 25))
    assert torch.bincount(small.validation.labels).tolist() == [20, 5]
    assert set(numbers(small.validation)) < set(numbers(whole.validation))
    for role in ("train", "test"):
        assert numbers(getattr(small, role)) == numbers(getattr(whole, role))
    with pytest.raises(ScansearchError, match="limit on validation images must be at least the number of classes"):
        spec(numbered([400, 100])).load(validation_limit=1)


def test_a_limit_keeps_rare_classes() -> None:
    data = spec(numbered([1000, 10, 10])).load(limit=3)
    assert sorted(data.train.labels.tolist()) == [0, 1, 2]


def test_a_limit_above_the_data_changes_nothing() -> None:
    assert spec(numbered([20, 20])).load(limit=1000).fingerprint == spec(numbered([20, 20])).load().fingerprint


def test_image_size_scales_every_split_and_not_the_fingerprint(make_parts) -> None:
    plain, scaled = (spec(make_parts([20, 20])).load(image_size=size) for size in (None, 6))
    assert plain.image_size == (4, 4)
    assert scaled.image_size == (6, 6)
    assert all(getattr(scaled, role).image_shape == (1, 6, 6) for role in ROLES)
    assert plain.fingerprint == scaled.fingerprint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "split seed"),
        ({"seed": 2**32}, "split seed"),
        ({"image_size": 0}, "image size"),
        ({"limit": 0}, "limit"),
        ({"limit": 1}, "number of classes"),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ScansearchError, match=message) as caught:
        spec(numbered([20, 20])).load(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("count", [1, 2])
def test_a_class_too_small_to_split(count: int) -> None:
    with pytest.raises(ScansearchError, match="class '1' has too few"):
        spec(numbered([30, count])).load()


def test_a_class_without_training_images() -> None:
    parts = replace(numbered([5, 5]), class_names=("a", "b", "c"))
    with pytest.raises(ScansearchError, match="class 'c' has none"):
        spec(parts).load()


def test_labels_out_of_range(make_parts, make_split) -> None:
    with pytest.raises(ScansearchError, match=r"0 \.\.\. 1 .*label 2"):
        spec(make_parts([9, 9], test=make_split([1, 1, 1]))).load()


def test_one_class_is_no_search() -> None:
    with pytest.raises(ScansearchError, match="at least two classes"):
        spec(numbered([30])).load()


def test_splits_of_different_shape(make_parts, make_split) -> None:
    with pytest.raises(ScansearchError, match="same channels"):
        spec(make_parts([9, 9], test=make_split([2, 2], (3, 4, 4)))).load()


def test_an_empty_split(make_parts) -> None:
    empty = TensorSplit(torch.zeros(0, 1, 4, 4, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(ScansearchError, match="at least one image"):
        spec(make_parts([9, 9], test=empty)).load()


def test_every_registered_data_set_describes_itself() -> None:
    for name in DATASETS.names():
        found = DATASETS.get(name)
        assert found.name == name
        assert found.description
        assert found.where


def half(parts: Parts, number: int, seed: int = 0, **more):
    return spec(parts).load(half=Half(number, seed), **more)


@pytest.mark.parametrize("limit", [None, 41])
def test_halves_share_the_training_and_validation_images_and_both_have_the_test_images(limit) -> None:
    parts = numbered([40, 33, 51])
    whole, halves = spec(parts).load(limit=limit), [half(parts, number, limit=limit) for number in (1, 2)]
    for role in ("train", "validation"):
        found = [numbers(getattr(data, role)) for data in halves]
        assert sorted([*found[0], *found[1]]) == numbers(getattr(whole, role))
        counts = [torch.bincount(getattr(data, role).labels, minlength=3) for data in halves]
        assert int((counts[0] - counts[1]).abs().max()) <= 1
    assert numbers(halves[0].test) == numbers(halves[1].test) == numbers(whole.test)
    assert len({whole.fingerprint, *(data.fingerprint for data in halves)}) == 3
    assert (
        half(parts, 1, limit=limit).fingerprint == halves[0].fingerprint != half(parts, 1, 1, limit=limit).fingerprint
    )


def test_a_half_knows_its_own_mean_and_a_class_needs_two_training_images(make_parts, make_split) -> None:
    parts = numbered([40, 40])
    assert half(parts, 1).mean != half(parts, 2).mean
    few = make_parts([5, 1], validation=make_split([2, 2]), test=make_split([1, 1]))
    with pytest.raises(ScansearchError, match="class 'class1' has too few training images; take more images"):
        half(few, 1)
    one = make_parts([5, 5], validation=make_split([1, 0]), test=make_split([1, 1]))
    with pytest.raises(ScansearchError, match="two validation images, but there is only one"):
        half(one, 1)
