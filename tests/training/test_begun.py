"""What is begun in advance is what is asked for, each once, whatever the order."""

import pytest

from scansearch.training.begun import Begun


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("numbers", [[0, 1, 2, 3], [3, 2, 0, 0], [5, 6, 6, 7]])
def test_items_are_those_of_begin_in_any_order(depth, numbers):
    begun = Begun(lambda n: lambda: n * n, depth)
    assert [begun(n) for n in numbers] == [n * n for n in numbers]


def test_so_many_are_begun_in_advance_and_none_twice():
    started = []

    def begin(number):
        started.append(number)
        return lambda: number

    begun = Begun(begin, 2, count=5)
    for number, known in enumerate([[0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]):
        assert begun(number) == number
        assert started == known


def test_a_failure_is_raised_where_its_item_is_asked_for():
    def begin(number):
        def wait():
            if number == 1:
                raise ValueError("item 1 is damaged")
            return number

        return wait

    begun = Begun(begin, 2)
    assert begun(0) == 0
    with pytest.raises(ValueError, match="item 1 is damaged"):
        begun(1)
    assert begun(2) == 2
