"""Measures against their definitions, written out, and against what is known of grids."""

from __future__ import annotations

import time
from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from scansearch.errors import ScansearchError
from scansearch.scans import ScanOrder
from scansearch.scans.locality import (
    MAX_MEASURED,
    Locality,
    grid_edges,
    measure,
    measure_visits,
    redundant,
    relation,
    similarity,
)

SIDES = st.integers(1, 6)
BASES = st.sampled_from(["h", "v", "w2", "w3_col", "w2x3"])
NAMES = st.builds("{}{}{}".format, BASES, st.sampled_from(["", "_lr", "_ud"]), st.sampled_from(["", "_flip"]))
GRIDS = [(1, 1), (1, 7), (5, 1), (2, 2), (3, 8), (7, 7), (14, 14), (7, 12)]


@st.composite
def visits(draw):
    """A grid and any sequence of its tokens."""
    height, width = draw(SIDES), draw(SIDES)
    return np.array(draw(st.permutations(range(height * width))), dtype=np.int64), height, width


def by_definition(visited, height, width):
    """All measures, from shortest paths in the grid graph."""
    graph = nx.grid_2d_graph(height, width)
    far = dict(nx.all_pairs_shortest_path_length(graph))
    tokens = [divmod(int(token), width) for token in visited]
    place = {token: i for i, token in enumerate(tokens)}
    steps = [far[a][b] for a, b in pairwise(tokens)]
    apart = [abs(place[a] - place[b]) for a, b in graph.edges()]
    stretch = [abs(place[a] - place[b]) / far[a][b] for a, b in combinations(tokens, 2)]
    return Locality(
        unit_steps=np.mean([step == 1 for step in steps]) if steps else 1.0,
        mean_step=np.mean(steps) if steps else 0.0,
        largest_step=max(steps, default=0),
        mean_neighbour_distance=np.mean(apart) if apart else 0.0,
        bandwidth=max(apart, default=0),
        arrangement_cost=sum(apart),
        structural_distortion=np.mean(stretch) if stretch else 0.0,
    )


@given(visits())
def test_measures_are_what_their_definitions_say(case):
    assert vars(measure_visits(*case)) == pytest.approx(vars(by_definition(*case)))


@given(visits())
def test_no_order_beats_the_known_bounds(case):
    visited, height, width = case
    found = measure_visits(visited, height, width)
    if height * width > 1:
        assert found.bandwidth >= min(height, width)
        assert found.structural_distortion >= 1
        assert found.mean_step >= 1
        assert (found.mean_step == 1) == (found.unit_steps == 1)
    if min(height, width) >= 2:
        assert found.arrangement_cost >= least_cost(max(height, width), min(height, width))


def least_cost(m, n):
    """Cost of an optimal linear arrangement of an m x n grid, m >= n >= 2 (Fishburn, Tetali and Winkler, 2000)."""
    saved = max(t * (2 * t**2 - 6 * n * t + 3 * n**2 + 3 * n - 2) / 3 for t in range(1, n // 2 + 1))
    return m * (n**2 + n - 1) - n - saved


@pytest.mark.parametrize(("height", "width"), GRIDS)
def test_rows_in_closed_form(height, width):
    """Neighbours in a row are 1 apart, those in a column W; every end of a row costs one step of W."""
    found, beside, below = measure("h", height, width), height * (width - 1), (height - 1) * width
    steps = height * width - 1
    assert found.arrangement_cost == beside + below * width
    assert found.bandwidth == (width if height > 1 else min(width - 1, 1))
    if steps:
        assert found.mean_neighbour_distance == pytest.approx((beside + below * width) / (beside + below))
        jumps = height - 1 if width > 1 else 0
        assert found.unit_steps == pytest.approx(1 - jumps / steps)
        assert found.mean_step == pytest.approx((steps - (height - 1) + (height - 1) * width) / steps)
        assert found.largest_step == (width if height > 1 else 1)


@given(NAMES, SIDES, SIDES)
def test_walking_backwards_changes_no_measure(name, height, width):
    assert vars(measure(name, height, width)) == pytest.approx(vars(measure(f"{name}_lr_ud_flip", height, width)))
    assert vars(measure(name, height, width)) == pytest.approx(vars(measure(f"{name}_t", width, height)))


def test_one_token_has_no_steps():
    assert measure("h", 1, 1) == Locality(1.0, 0.0, 0, 0.0, 0, 0, 0.0)


@pytest.mark.parametrize(("height", "width"), GRIDS)
def test_edges_of_the_grid(height, width):
    edges = grid_edges(height, width)
    found = {tuple(sorted(edge)) for edge in edges.tolist()}
    tokens = height * width
    beside = {(t, t + 1) for t in range(tokens) if (t + 1) % width}
    assert found == beside | {(t, t + width) for t in range(tokens - width)}
    assert len(found) == len(edges)
    assert grid_edges(height, width) is edges
    with pytest.raises(ValueError, match="read-only"):
        edges[:] = 0


@given(st.lists(NAMES, min_size=1, max_size=4), SIDES, SIDES)
def test_similarity_is_what_its_definitions_say(names, height, width):
    tau, adjacency = similarity(names, height, width)
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            first, second = (ScanOrder(n).indices(height, width).tolist() for n in (a, b))
            if len(first) == 1:
                assert tau[i, j] == adjacency[i, j] == 1
                continue
            places = [np.argsort(order) for order in (first, second)]
            assert tau[i, j] == pytest.approx(kendalltau(*places).statistic)
            both = {frozenset(p) for p in pairwise(first)} & {frozenset(p) for p in pairwise(second)}
            assert adjacency[i, j] == pytest.approx(len(both) / (len(first) - 1))


@given(st.lists(NAMES, min_size=1, max_size=6), SIDES, SIDES)
def test_similarities_are_symmetric_with_ones_on_the_diagonal(names, height, width):
    for matrix in similarity(names, height, width):
        assert matrix.shape == (len(names), len(names))
        assert matrix.dtype == np.float64
        assert (matrix == matrix.T).all()
        assert (np.diag(matrix) == 1).all()
        assert np.abs(matrix).max() <= 1


@given(NAMES, NAMES, SIDES, SIDES)
def test_redundant_orders_have_tau_of_one(first, second, height, width):
    how = relation(first, second, height, width)
    tau, adjacency = similarity([first, second], height, width)
    assert (tau[0, 1] == 1) == (how == "identical")
    if height * width > 1:
        assert (tau[0, 1] == -1) == (how == "reversed")
    if how:
        assert adjacency[0, 1] == 1
    assert redundant([first, second], height, width) == ([(first, second, how)] if how else [])


def test_redundancy_depends_on_the_grid():
    assert relation("h", "w7", 7, 7) == "identical"
    assert relation("w7_flip", "h", 7, 7) == "reversed"
    assert relation("h", "w7", 14, 14) is None
    assert redundant(["h", "h_flip", "v"], 1, 4) == [
        ("h", "h_flip", "reversed"), ("h", "v", "identical"), ("h_flip", "v", "reversed"),
    ]  # fmt: skip
    assert relation("h", "h_flip", 1, 1) == "identical"


@pytest.mark.parametrize("call", [lambda: measure("h", 257, 256), lambda: similarity(["h"], 257, 256)])
def test_a_grid_too_large_to_measure_is_one_line(call):
    with pytest.raises(ScansearchError, match=f"at most {MAX_MEASURED} tokens, but 257 x 256 has 65792") as caught:
        call()
    assert "\n" not in str(caught.value)


def test_bad_names_and_empty_grids_are_refused():
    with pytest.raises(ScansearchError, match="unknown scan order 'nope'"):
        measure("nope", 4, 4)
    with pytest.raises(ScansearchError, match="at least one row"):
        similarity(["h"], 0, 4)


def test_it_is_quick():
    """Tens of milliseconds for 56 x 56 and a second or so for 64 names; the slack is for a busy machine."""
    measure("h", 56, 56)
    names = [f"w{k}{s}{f}" for k in range(1, 17) for s in ("", "_col") for f in ("", "_flip")]
    start = time.perf_counter()
    measure("w7", 56, 56)
    middle = time.perf_counter()
    similarity(names, 14, 14)
    end = time.perf_counter()
    assert middle - start < 1
    assert end - middle < 5
