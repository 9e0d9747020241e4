"""What is made ahead is what would have been made, and what fails ahead fails where it is asked for."""

import os
import threading

import pytest
import torch

from scansearch.machine.numerics import run_numerics
from scansearch.training.ahead import Ahead

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize("numbers", [[0, 1, 2, 3], [3, 2, 0, 0], [5, 6, 6, 7]])
def test_items_are_those_of_make_in_any_order(active, numbers):
    ahead = Ahead(lambda n: n * n, active)
    assert [ahead(n) for n in numbers] == [n * n for n in numbers]


def test_the_next_item_is_begun_before_it_is_asked_for():
    made = [threading.Event() for _ in range(3)]
    ahead = Ahead(lambda n: made[n].set())
    ahead(0)
    assert made[1].wait(10)
    assert not made[2].is_set()


def test_nothing_is_made_ahead_where_it_is_off():
    made = []
    Ahead(made.append, active=False)(0)
    assert made == [0]


def test_a_failure_is_raised_where_its_item_is_asked_for():
    def make(number):
        if number == 1:
            raise ValueError("item 1 is damaged")
        return number

    ahead = Ahead(make)
    assert ahead(0) == 0
    with pytest.raises(ValueError, match="item 1 is damaged"):
        ahead(1)
    assert ahead(2) == 2


def test_the_thread_computes_with_the_same_denormals():
    tiny = torch.tensor(torch.finfo(torch.float32).tiny)
    with run_numerics():
        ahead = Ahead(lambda n: float(tiny * 0.5))
        assert [ahead(n) for n in range(3)] == [0.0] * 3


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_it_goes_on_in_a_fork():
    ahead = Ahead(lambda n: n)
    ahead(0)
    child = os.fork()
    if child == 0:
        os._exit(0 if [ahead(n) for n in (1, 2)] == [1, 2] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ahead(1) == 1
