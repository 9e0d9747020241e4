"""The Hilbert curve: self-similar on 2^p squares, between neighbours everywhere, and where it starts and ends."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scansearch.scans.catalog.hilbert import visit

GRIDS = list(itertools.product(range(1, 41), repeat=2))


def cells(height, width):
    return [divmod(token, width) for token in visit(height, width).tolist()]


def is_self_similar(path):
    """Whether each quarter of a path fills one quadrant of its square, and does so again inside."""
    if len(path) == 1:
        return True
    side = int(len(path) ** 0.5)
    quarters = [path[i * len(path) // 4 : (i + 1) * len(path) // 4] for i in range(4)]
    top, left = min(row for row, _ in path), min(col for _, col in path)
    quadrants = [{((row - top) * 2 // side, (col - left) * 2 // side) for row, col in quarter} for quarter in quarters]
    one_each = all(len(quadrant) == 1 for quadrant in quadrants) and len(set.union(*quadrants)) == 4
    return one_each and all(map(is_self_similar, quarters))


@pytest.mark.parametrize("levels", range(7))
def test_on_2_to_the_p_squares_every_quadrant_is_a_hilbert_curve(levels):
    side = 2**levels
    path = cells(side, side)
    assert is_self_similar(path)
    assert (path[0], path[-1]) == ((0, 0), (0, side - 1))


def test_self_similar_is_more_than_continuous():
    snake = [(row, col if row % 2 == 0 else 3 - col) for row in range(4) for col in range(4)]
    assert not is_self_similar(snake)


def test_every_step_is_a_unit_step_on_every_grid():
    """No parity is left out: the published generalised curve steps diagonally where the longer side alone is odd."""
    for height, width in GRIDS:
        path = cells(height, width)
        assert len(set(path)) == height * width
        assert all(abs(a - c) + abs(b - d) == 1 for (a, b), (c, d) in itertools.pairwise(path)), (height, width)


def test_it_ends_in_the_other_corner_of_the_longer_side_wherever_a_chessboard_allows():
    for height, width in GRIDS:
        path, length, depth = cells(height, width), max(height, width), min(height, width)
        corner = (height - 1, 0) if height > width else (0, width - 1)
        assert path[0] == (0, 0)
        possible = length % 2 == 0 or depth % 2 == 1
        assert (path[-1] == corner) is possible, (height, width)


@given(st.integers(1, 60), st.integers(1, 60))
def test_the_longer_side_decides_so_that_turning_an_oblong_changes_nothing(height, width):
    turned = [(col, row) for row, col in cells(width, height)]
    assert (turned == cells(height, width)) is (height != width or height == 1)


def test_locality_stays_near_that_of_the_square_on_grids_that_are_not_long():
    """Mean distance of tokens 16 places apart: a raster of 56 columns has 16, a compact patch of 4 x 4 about 4."""
    for height, width in [(56, 56), (55, 56), (56, 55), (57, 40), (41, 60), (55, 55), (37, 64)]:
        visited = visit(height, width)
        rows, cols = visited // width, visited % width
        apart = (rows[16:] - rows[:-16]).abs() + (cols[16:] - cols[:-16]).abs()
        assert apart.double().mean() < 6, (height, width)


@pytest.mark.parametrize("grid", [(1, 1 << 16), (1 << 15, 2), (3, 21845), (255, 256)])
def test_large_and_long_grids(grid):
    height, width = grid
    visited = visit(height, width)
    assert torch.equal(visited.sort().values, torch.arange(height * width))
    rows, cols = visited // width, visited % width
    assert (rows.diff().abs() + cols.diff().abs() == 1).all()
