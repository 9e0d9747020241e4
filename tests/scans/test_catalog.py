"""Every family of the catalogue against its slow definition, and what its symmetries have in common."""

import itertools

import pytest
import slow_definitions as slow
import torch
from hypothesis import given
from hypothesis import strategies as st

from scansearch.scans.catalog.atrous import ATROUS
from scansearch.scans.catalog.diagonal import DIAGONAL
from scansearch.scans.catalog.hilbert import HILBERT
from scansearch.scans.catalog.morton import MORTON
from scansearch.scans.catalog.peano import PEANO
from scansearch.scans.catalog.random_order import RANDOM
from scansearch.scans.catalog.raster import RASTER
from scansearch.scans.catalog.snake import SNAKE
from scansearch.scans.catalog.spiral import SPIRAL
from scansearch.scans.catalog.window import WINDOW
from scansearch.scans.order import invert
from scansearch.scans.symmetry import Symmetry

FAMILIES = (RASTER, WINDOW, SNAKE, DIAGONAL, HILBERT, MORTON, PEANO, SPIRAL, ATROUS, RANDOM)
DIAGONALS = tuple(f"{anti}diagonal{variant}" for anti in ("", "anti") for variant in ("", "_zigzag", "_wrap"))
LINES = ("snake", *DIAGONALS)
CURVES = ("hilbert", "morton", "peano", "spiral")
ATROUS_AND_RANDOM = ("atrous2", "atrous3", "atrous7", "random:0", "random:4294967295")
WINDOWS = ("w1", "w2", "w3x5", "w7", "w40x2", "w2_col", "w5x3_col", "w3_snake", "w4x7_snake")
BASES = ("h", "v", *LINES, *CURVES, *WINDOWS, *ATROUS_AND_RANDOM, "atrous41")
UNIT_STEPS = ("snake", "spiral", "hilbert")
SYMMETRIES = [Symmetry(*flags) for flags in itertools.product((False, True), repeat=3)]
SMALL = list(itertools.product(range(1, 9), repeat=2))
LARGEST = 40

sides = st.integers(1, 17)
some_windows = st.builds(
    "w{}x{}{}".format, st.integers(1, 20), st.integers(1, 20), st.sampled_from(["", "_col", "_snake"])
)
some_atrous = st.builds("atrous{}".format, st.integers(2, 20))
some_random = st.builds("random:{}".format, st.integers(0, 2**32 - 1))
bases = st.sampled_from(BASES) | some_windows | some_atrous | some_random


def family_of(base):
    (found,) = (family for family in FAMILIES if family.match(base) is not None)
    return found


def visit(base, height, width, symmetry=Symmetry(), flipped=False):  # noqa: B008 (frozen)
    family = family_of(base)
    visited = family.visit(*symmetry.grid(height, width), *family.match(base))
    visited = symmetry.apply(visited, height, width)
    return visited.flip(0) if flipped else visited


def check(base, height, width):
    visited = visit(base, height, width)
    assert visited.dtype == torch.int64
    assert sorted(visited.tolist()) == list(range(height * width)), (base, height, width)
    if slow.defines(base, height, width):
        assert visited.tolist() == slow.visit(base, height, width), (base, height, width)


def distances(visited, width):
    """Of consecutive tokens: rows between them plus columns between them."""
    rows, cols = visited // width, visited % width
    return rows.diff().abs() + cols.diff().abs()


@given(bases, sides, sides)
def test_every_order_is_a_permutation_and_what_its_definition_says(base, height, width):
    check(base, height, width)


@given(bases, st.sampled_from(SYMMETRIES), st.booleans(), sides, sides)
def test_inverse_undoes_every_order(base, symmetry, flipped, height, width):
    order = visit(base, height, width, symmetry, flipped)
    inverse, tokens = invert(order, height * width), torch.arange(height * width)
    assert torch.equal(order[inverse], tokens)
    assert torch.equal(inverse[order], tokens)


@given(st.sampled_from(UNIT_STEPS), st.sampled_from(SYMMETRIES), sides, sides)
def test_unit_steps_on_every_grid(base, symmetry, height, width):
    assert (distances(visit(base, height, width, symmetry), width) == 1).all()


@pytest.mark.parametrize("base", BASES)
def test_one_row_and_one_column_and_one_token(base):
    assert visit(base, 1, 1).tolist() == [0]
    for length in (2, 3, 10):
        check(base, 1, length)
        check(base, length, 1)


@pytest.mark.parametrize(
    ("base", "visited"),
    [
        ("snake", [0, 1, 2, 3, 7, 6, 5, 4, 8, 9, 10, 11]),
        ("diagonal", [0, 1, 4, 2, 5, 8, 3, 6, 9, 7, 10, 11]),
        ("diagonal_zigzag", [0, 1, 4, 8, 5, 2, 3, 6, 9, 10, 7, 11]),
        ("diagonal_wrap", [0, 7, 10, 1, 4, 11, 2, 5, 8, 3, 6, 9]),
        ("antidiagonal", [3, 2, 7, 1, 6, 11, 0, 5, 10, 4, 9, 8]),
        ("antidiagonal_zigzag", [3, 2, 7, 11, 6, 1, 0, 5, 10, 9, 4, 8]),
        ("antidiagonal_wrap", [3, 4, 9, 2, 7, 8, 1, 6, 11, 0, 5, 10]),
        ("hilbert", [0, 1, 5, 4, 8, 9, 10, 11, 7, 6, 2, 3]),
        ("morton", [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 10, 11]),
        ("peano", [0, 1, 2, 6, 5, 4, 8, 9, 10, 11, 7, 3]),
        ("spiral", [0, 1, 2, 3, 7, 11, 10, 9, 8, 4, 5, 6]),
        ("atrous2", [0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 5, 7]),
        ("atrous3", [0, 3, 1, 2, 4, 7, 5, 6, 8, 11, 9, 10]),
        ("atrous999999999", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    ],
)
def test_visiting_order_of_3_x_4_by_hand(base, visited):
    assert visit(base, 3, 4).tolist() == visited
    assert slow.defines(base, 3, 4) is (base != "hilbert")


@pytest.mark.parametrize("base", [*LINES, *CURVES, *ATROUS_AND_RANDOM])
def test_names_simplify_exactly_where_the_orders_coincide_on_every_grid(base):
    """Of the sixteen names of a base, two are one order on every grid if and only if they have one simple form."""
    simplify = family_of(base).simplify or (lambda name, symmetry: (name, symmetry, False))
    by_order, by_name = {}, {}
    for symmetry, flipped in itertools.product(SYMMETRIES, (False, True)):
        name, simple, turned = simplify(base, symmetry)
        assert simplify(name, simple) == (name, simple, False)
        drawn = [visit(base, *grid, symmetry, flipped) for grid in SMALL]
        again = [visit(name, *grid, simple, flipped ^ turned) for grid in SMALL]
        assert all(map(torch.equal, drawn, again)), (base, symmetry)
        key = b"".join(order.numpy().tobytes() for order in drawn)
        by_order.setdefault(key, set()).add((symmetry, flipped))
        by_name.setdefault((name, simple, flipped ^ turned), set()).add((symmetry, flipped))
    assert sorted(map(len, by_order.values())) == sorted(map(len, by_name.values()))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_examples_are_names_of_the_family(family):
    for example in family.examples:
        base = example.removesuffix("_flip")
        for symmetry in ("_ud", "_lr", "_t"):
            base = base.removesuffix(symmetry)
        assert family_of(base) is family


@pytest.mark.parametrize(
    "name",
    [
        *("atrous", "atrous0", "atrous1", "atrous02", "atrous-2", "atrous2.5", "atrous1000000000"),
        *(
            "random",
            "random:",
            "random:-1",
            "random:01",
            "random:4294967296",
            "random:5000000000",
            "random:10000000000",
        ),
        *(
            "snake_wrap",
            "diagonal_snake",
            "wrap",
            "antihilbert",
            "Spiral",
            "morton2",
            "peano\n",
            "diagonal_zigzag_wrap",
        ),
    ],
)
def test_names_of_no_family(name):
    assert not [family.name for family in FAMILIES if family.match(name) is not None]


@given(st.integers(0, 2**33))
def test_seeds_have_32_bits(seed):
    assert (RANDOM.match(f"random:{seed}") is not None) is (seed < 2**32)


@pytest.mark.slow
@pytest.mark.parametrize("base", BASES)
def test_every_grid_up_to_40_x_40(base):
    for height, width in itertools.product(range(1, LARGEST + 1), repeat=2):
        check(base, height, width)
        if base in UNIT_STEPS:
            assert (distances(visit(base, height, width), width) == 1).all(), (height, width)
