"""Steps of growing batches are timed, up to the whole one if that is quick."""

import pytest

from scansearch.searching.step_time import measure


class Search:
    """A search whose steps take so many seconds an image, and as long again for every call, on its own clock."""

    def __init__(self, an_image=0.0, a_step=0.0):
        self.now, self.an_image, self.a_step, self.batches = 0.0, an_image, a_step, []

    def step(self, images):
        self.now += (self.an_image * images + self.a_step) * (1 if self.batches else 10)
        self.batches.append(images)

    def measured(self, batch=64, most=10**6):
        return measure(self.step, batch, most, lambda: self.now)


def test_the_first_step_does_not_count():
    assert Search(a_step=0.1).measured() == (pytest.approx(0.1), 5, (64,))


@pytest.mark.parametrize(("seconds", "steps"), [(0.5, 5), (1.0, 3), (2.0, 2), (4.0, 1)])
def test_it_takes_a_few_seconds_at_most(seconds, steps):
    search = Search(seconds / 64)
    assert search.measured() == (pytest.approx(seconds), steps, (64,))
    assert search.batches.count(64) == steps


@pytest.mark.parametrize("batch", [1, 2, 3, 8, 100])
def test_the_whole_batch_is_tried_in_the_end_whatever_its_size(batch):
    search = Search(0.001)
    assert search.measured(batch).batches == (batch,)
    assert max(search.batches) == batch


@pytest.mark.parametrize("a_step", [0.0, 0.5])
def test_what_would_take_long_is_on_the_line_through_smaller_ones(a_step):
    search = Search(0.3, a_step)
    seconds, _, batches = search.measured(1000)
    assert seconds == pytest.approx(300 + a_step)
    assert batches == (2, 8)
    assert max(search.batches) == 8


def test_two_points_make_a_line_though_the_second_takes_long():
    assert Search(0.1, 4.0).measured(1000)[::2] == (pytest.approx(104), (2, 8))


def test_what_does_not_fit_into_memory_is_not_tried():
    search = Search(0.01)
    assert search.measured(1000, most=40).seconds == pytest.approx(10)
    assert max(search.batches) == 32


def test_a_step_far_too_long_is_tried_once():
    assert Search(40.0).measured(64) == (pytest.approx(64 * 40), 1, (2,))
