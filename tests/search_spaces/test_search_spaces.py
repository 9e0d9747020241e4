"""The spaces that come with the package say what they promise."""

import pytest

from scansearch.registry import SEARCH_SPACES
from scansearch.scans import ScanOrder, distinct
from scansearch.scans.locality import measure
from scansearch.space import SearchSpace

GRIDS = [(56, 56)] * 2 + [(28, 28)] * 2 + [(14, 14)] * 9 + [(7, 7)] * 2
STAGES = [0] * 2 + [1] * 2 + [2] * 9 + [3] * 2


@pytest.mark.parametrize("name", SEARCH_SPACES.names())
def test_spaces_round_trip_and_have_canonical_names(name):
    space = SEARCH_SPACES.get(name)
    assert space.name == name
    assert SearchSpace.from_dict(space.to_dict()) == space
    assert [ScanOrder(n).canonical for n in space.all_candidates] == list(space.all_candidates)


@pytest.mark.parametrize(("name", "count"), [("wide32", 32), ("wide128", 128)])
@pytest.mark.parametrize("grid", [(8, 8), (14, 14)])
def test_wide_spaces_hold_no_duplicates(name, count, grid):
    candidates = SEARCH_SPACES.get(name).candidates
    assert len(candidates) == count
    assert len(set(distinct(candidates, *grid).values())) == count


def test_localvmamba8_wastes_nothing_in_the_last_stage():
    assert not any(layer.merged for layer in SEARCH_SPACES.get("localvmamba8").bind(GRIDS, STAGES))
    assert SEARCH_SPACES.get("localvmamba8").size(GRIDS, STAGES) == 70**15
    assert SEARCH_SPACES.get("default8").bind(GRIDS, STAGES)[-1].merged == {"w7": "h", "w7_flip": "h_flip"}


@pytest.mark.parametrize("grid", [(8, 8), (14, 14), (7, 12)])
def test_continuous_orders_are(grid):
    assert all(measure(name, *grid).unit_steps == 1 for name in SEARCH_SPACES.get("continuous").candidates)


def test_the_controls_leave_nothing_to_choose():
    for name in ("vim2", "vmamba4"):
        assert SEARCH_SPACES.get(name).size([(14, 14)] * 20) == 1
