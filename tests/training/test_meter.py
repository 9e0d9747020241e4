"""Losses stay on the device until somebody asks, and one that is not finite is found before anything is saved."""

from types import SimpleNamespace

import pytest
import torch

from scansearch.errors import DivergenceError
from scansearch.training import meter as meter_module
from scansearch.training.meter import Meter


def alone():
    return SimpleNamespace(sum=list, agree=lambda flag: flag, gather=lambda value: [value])


def meter(processes=None, **more):
    return Meter(processes or alone(), 0.03, **more)


def add(found, losses, first=0, images=4):
    for step, loss in enumerate(losses, first):
        found.add(step, torch.tensor(loss), torch.tensor(2.0, dtype=torch.float64), images)


def test_sums_are_those_of_float64_in_the_order_of_the_steps():
    losses = torch.rand(50, generator=torch.Generator().manual_seed(0)).tolist()
    found, want = meter(), 0.0
    add(found, losses)
    for loss in losses:
        want += loss * 4
    found.settle()
    assert found.sums == [want, 100.0, 200.0]
    assert found.total() == (want / 200, 0.5)
    assert found.sums == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_first_bad_step_is_named(value):
    found = meter(kept="run/checkpoints", command="train")
    add(found, [1.0, 2.0])
    found.check()
    add(found, [1.0, value, float("nan"), 1.0], first=2)
    advice = "start anew with a lower rate, for example `scansearch train ... --set lr=0.01`"
    said = rf"^the loss became {value} at step 3; the last good checkpoint is kept in run/checkpoints; {advice}$"
    with pytest.raises(DivergenceError, match=said):
        found.check()


def test_a_look_in_between_does_not_hide_it_from_the_check():
    found = meter()
    add(found, [float("nan")])
    found.settle()
    with pytest.raises(DivergenceError, match="became nan at step 0; start anew"):
        found.check()


def test_what_another_process_found_ends_all_with_one_line():
    others = SimpleNamespace(sum=list, agree=lambda flag: True, gather=lambda own: [own, (8, float("nan"))])
    found = meter(others)
    add(found, [1.0, 1.0, 1.0], first=7)
    with pytest.raises(DivergenceError, match="the loss became nan at step 8;"):
        found.check()


@pytest.mark.parametrize(("processes", "sums"), [(2, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), (1, [[5.0, 7.0, 9.0]])])
def test_sums_come_back_to_the_process_that_had_them_or_all_to_the_first(processes, sums):
    for rank, own in enumerate(sums):
        found = meter(SimpleNamespace(size=processes, rank=rank))
        found.restore([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        assert found.sums == own


def test_sums_are_three_a_process():
    with pytest.raises(ValueError, match="sums are 3 numbers for each process, but there are 2"):
        meter().restore([1.0, 2.0])


def test_losses_that_are_only_watched_are_not_added():
    found = meter()
    add(found, [1.0], images=0)
    found.check()
    assert found.sums == [0.0, 0.0, 0.0]


def test_a_display_looks_at_a_limited_rate(monkeypatch):
    found, now = meter(), 100.0
    monkeypatch.setattr(meter_module.time, "monotonic", lambda: now)
    add(found, [1.0])
    assert found.glance() == (1.0, 0.5)
    add(found, [3.0], first=1)
    assert found.glance() == (1.0, 0.5)
    now += meter_module.GLANCE_S + 0.1
    assert found.glance() == (2.0, 0.5)
