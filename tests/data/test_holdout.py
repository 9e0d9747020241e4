from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scansearch.data.holdout import halves, sample, stratified_order
from scansearch.errors import ScansearchError


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=80), seed=st.integers(0, 1000))
def test_every_prefix_is_stratified(labels: list[int], seed: int) -> None:
    tensor = torch.tensor(labels)
    order = stratified_order(tensor, seed)
    assert sorted(order.tolist()) == list(range(len(labels)))
    present = len(set(labels))
    assert len(set(tensor[order[:present]].tolist())) == present
    counts = torch.bincount(tensor)
    for size in range(present, len(labels) + 1):
        expected = (size / len(labels)) * counts
        assert ((torch.bincount(tensor[order[:size]], minlength=len(counts)) - expected) <= present + 1).all()


def test_the_order_is_pinned_forever() -> None:
    # A change here changes every split ever made: never update these numbers.
    assert stratified_order(torch.tensor([0, 1, 0, 1, 1, 1, 0, 1]), 0).tolist() == [1, 6, 7, 2, 3, 5, 0, 4]


def test_a_sample_has_one_image_a_class_at_least() -> None:
    with pytest.raises(ScansearchError, match=r"number of classes \(3\), but got 2"):
        sample(torch.tensor([0, 1, 2, 0]), 2, 0, 3)


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(st.integers(0, 4), min_size=2, max_size=80), seed=st.integers(0, 1000))
def test_halves_are_disjoint_whole_and_stratified(labels: list[int], seed: int) -> None:
    tensor = torch.tensor(labels)
    one, other = halves(tensor, seed)
    assert sorted([*one.tolist(), *other.tolist()]) == list(range(len(labels)))
    assert one.equal(one.sort().values)
    assert other.equal(other.sort().values)
    assert len(one) - len(other) in (0, 1)
    counts = [torch.bincount(tensor[half], minlength=5) for half in (one, other)]
    assert int((counts[0] - counts[1]).abs().max()) <= 1


def test_another_seed_gives_other_halves() -> None:
    labels = torch.arange(40) % 4
    assert halves(labels, 0)[0].equal(halves(labels, 0)[0])
    assert not halves(labels, 0)[0].equal(halves(labels, 1)[0])
