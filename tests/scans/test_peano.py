"""Where Peano's curve is continuous, and where it is not."""

import itertools

import pytest

from scansearch.scans.catalog.peano import visit


def is_continuous(height, width):
    path = [divmod(token, width) for token in visit(height, width).tolist()]
    assert len(set(path)) == height * width
    return all(abs(a - c) + abs(b - d) == 1 for (a, b), (c, d) in itertools.pairwise(path))


@pytest.mark.parametrize("grid", list(itertools.product([1, 3, 9, 27, 81], repeat=2)))
def test_continuous_on_powers_of_three(grid):
    assert is_continuous(*grid)


@pytest.mark.parametrize("side", [3, 9, 27, 81])
def test_it_runs_from_corner_to_corner_of_a_3_to_the_p_square(side):
    visited = visit(side, side).tolist()
    assert (visited[0], visited[-1]) == (0, side * side - 1)


def test_elsewhere_it_jumps_as_a_rule():
    squares = [side for side in range(1, 41) if is_continuous(side, side)]
    assert squares == [1, 2, 3, 7, 9, 19, 21, 25, 27]
    assert not any(is_continuous(*grid) for grid in [(14, 14), (8, 8), (28, 28), (12, 12)])


@pytest.mark.slow
def test_how_many_grids_it_jumps_on():
    assert sum(not is_continuous(*grid) for grid in itertools.product(range(1, 41), repeat=2)) == 1181
