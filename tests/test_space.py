import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scansearch.errors import ScansearchError
from scansearch.registry import SEARCH_SPACES
from scansearch.scans import distinct
from scansearch.space import SearchSpace

EIGHT = ("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip")
DEFAULT8 = SEARCH_SPACES.get("default8")

sides = st.integers(1, 9)
grids = st.lists(st.tuples(sides, sides), min_size=1, max_size=4)
directions = st.builds("{}{}".format, st.sampled_from(["h", "v", "w2", "w3_col", "w7"]), st.sampled_from(["", "_flip"]))


@st.composite
def spaces(draw):
    candidates = draw(st.lists(directions, unique=True, min_size=1, max_size=8))
    keep = draw(st.integers(1, len(candidates)))
    return SearchSpace(name=draw(st.text(min_size=1)), candidates=candidates, keep=keep, description=draw(st.text()))


def valid(**changes):
    return {"name": "mine", "candidates": ["h", "v", "w2"], "keep": 2, **changes}


def test_default8_is_localmambas_space():
    assert DEFAULT8.candidates == EIGHT
    assert DEFAULT8.keep == 4


def test_size_is_exact():
    assert DEFAULT8.size([(14, 14)] * 20) == 70**20
    assert DEFAULT8.size([(56, 56)] * 2 + [(28, 28)] * 2 + [(14, 14)] * 9 + [(7, 7)] * 2) == 70**13 * 15**2


def test_bind_offers_what_differs_and_tells_what_it_left_out():
    wide, small = DEFAULT8.bind([(14, 14), (7, 7)])
    assert (wide.grid, wide.candidates, wide.keep, wide.merged) == ((14, 14), EIGHT, 4, {})
    assert (small.grid, small.candidates, small.keep) == ((7, 7), EIGHT[:6], 4)
    assert small.merged == {"w7": "h", "w7_flip": "h_flip"}


@given(spaces(), grids)
def test_a_bound_layer_splits_the_candidates_into_distinct_and_merged(space, grids):
    try:
        layers = space.bind(grids)
    except ScansearchError:
        assert any(len(set(distinct(space.candidates, *grid).values())) < space.keep for grid in grids)
        return
    for grid, layer in zip(grids, layers, strict=True):
        assert layer.grid == grid
        assert sorted([*layer.candidates, *layer.merged]) == sorted(space.candidates)
        assert set(layer.merged.values()) <= set(layer.candidates)
        assert len(set(distinct(layer.candidates, *grid).values())) == len(layer.candidates) >= layer.keep


def test_too_few_distinct_candidates_name_the_layer_and_its_grid():
    with pytest.raises(ScansearchError) as caught:
        DEFAULT8.bind([(14, 14), (1, 7)])
    assert str(caught.value) == (
        "layer 1 keeps 4 directions, but only 2 candidates of space 'default8' differ on its 1 x 7 grid (h, h_flip); "
        "lower keep or use larger grids"
    )


@given(spaces())
def test_json_round_trip(space):
    assert SearchSpace.from_dict(json.loads(space.to_json())) == space


def test_a_file_holds_the_space_and_its_version(tmp_path):
    DEFAULT8.save(tmp_path / "space.json")
    assert json.loads((tmp_path / "space.json").read_text())["schema"] == "scansearch/space/1"
    assert SearchSpace.load(tmp_path / "space.json") == DEFAULT8


def test_with_keep_changes_only_keep():
    assert DEFAULT8.with_keep(2) == DEFAULT8.model_copy(update={"keep": 2})
    with pytest.raises(ScansearchError, match="keeps 9 of 8"):
        DEFAULT8.with_keep(9)


WRONG = {
    "keep above": (valid(keep=4), "keep must be at most the number of candidates, but space 'mine' keeps 4 of 3"),
    "keep zero": (valid(keep=0), "keep: input should be greater than or equal to 1, got 0"),
    "keep text": (valid(keep="2"), "keep: input should be a valid integer, got '2'"),
    "keep true": (valid(keep=True), "keep: input should be a valid integer, got True"),
    "unknown key": (valid(keeep=3), "keeep: extra inputs are not permitted, got 3"),
    "missing key": ({"name": "mine", "keep": 1}, "candidates: field required"),
    "unknown order": (valid(candidates=["h", "w0"]), "candidates: unknown scan order 'w0'; there is: h, h_flip"),
    "twice": (valid(candidates=["h", "v", "h"]), "candidates: a direction may be listed once, but 'h' comes twice"),
    "no candidates": (valid(candidates=[]), "candidates: at least one direction must be listed, got []"),
    "text": (valid(candidates="hv"), "candidates: "),
    "nameless": (valid(name=""), "name: "),
    "version": (valid(schema="scansearch/space/2"), "schema: input should be 'scansearch/space/1'"),
    "a list": (["h", "v"], "input should be a valid dictionary"),
}


@pytest.mark.parametrize(("data", "rule"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_refused_in_one_line_that_begins_with_its_path(tmp_path, data, rule):
    path = tmp_path / "space.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ScansearchError) as caught:
        SearchSpace.load(path)
    assert str(caught.value).startswith(f"{path}: {rule}")
    assert "\n" not in str(caught.value)


def test_a_wrong_space_in_python_is_refused_in_one_line_too():
    with pytest.raises(ScansearchError, match=r"^candidates: unknown scan order 'x'; there is: .*$"):
        SearchSpace(name="mine", candidates=("h", "x"), keep=1)


def test_deep_nesting_is_refused():
    data = []
    for _ in range(900):
        data = [data]
    with pytest.raises(ScansearchError, match="^search space: JSON nested at most 64 deep"):
        SearchSpace.from_dict(data)
