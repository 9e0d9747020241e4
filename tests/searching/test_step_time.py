"""A few steps are measured, if that is quick."""

from types import SimpleNamespace

import pytest
import torch

from scansearch.searching.step_time import measure


class Search:
    """A search whose step takes so many seconds on its own clock, and the forward pass of an image a share of them."""

    def __init__(self, seconds, an_image=0.0, overhead=0.0, steps=100, batch=64, trains=True):
        self.now, self.seconds, self.steps = 0.0, seconds, 0
        self.plan = SimpleNamespace(steps=steps)
        self.strategy = SimpleNamespace(traits=SimpleNamespace(trains_supernet=trains), evaluation=list)
        self.feed = SimpleNamespace(train=lambda number: SimpleNamespace(images=torch.zeros(batch)))
        self.supernet, self.fabric = self, SimpleNamespace(autocast=torch.no_grad)
        self.meter = SimpleNamespace(settle=lambda: None)
        self.forward = lambda images: an_image * len(images) + overhead

    def eval(self):
        return self

    def __call__(self, images, selections):
        self.now += self.forward(images)
        return images

    def advance(self):
        self.steps += 1
        self.now += self.seconds * (10 if self.steps == 1 else 1)

    def measured(self, processes=1):
        return measure(self, processes, lambda: self.now)


def test_the_first_step_does_not_count():
    assert Search(0.1).measured()[:2] == (5, pytest.approx(0.1))


@pytest.mark.parametrize(("seconds", "steps"), [(0.5, 5), (1.0, 3), (2.0, 2), (4.0, 1)])
def test_it_takes_a_few_seconds_at_most(seconds, steps):
    search = Search(seconds)
    assert search.measured()[:2] == (steps, seconds)
    assert search.steps == steps + 1


def test_a_short_search_is_not_outlived():
    assert Search(0.1, steps=3).measured().steps == 2
    assert Search(0.1, steps=1).measured() == (0, None, "there is a single step")


def test_what_is_not_quick_is_not_tried():
    search = Search(60, an_image=0.3)
    assert (
        search.measured().reason == "a step is too long to be measured, about 58 s by the forward pass of a few images"
    )
    assert search.steps == 0


def test_what_every_call_costs_is_not_taken_for_the_images():
    assert Search(0.4, an_image=0.001, overhead=0.1).measured().steps == 5


def test_what_is_not_measured_says_why():
    assert "from scratch" in Search(1, trains=False).measured().reason
    assert Search(1).measured(processes=2).reason == "it is not measured for 2 processes"
