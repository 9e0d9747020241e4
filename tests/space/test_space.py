import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scansearch.errors import ScansearchError
from scansearch.registry import SEARCH_SPACES
from scansearch.scans import distinct
from scansearch.space import SearchSpace
from scansearch.text import is_file_name

EIGHT = ("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip")
DEFAULT8 = SEARCH_SPACES.get("default8")

sides = st.integers(1, 9)
names = st.from_regex(r"[a-z_0-9][a-zA-Z0-9._-]{0,20}", fullmatch=True).filter(is_file_name)
grids = st.lists(st.tuples(sides, sides), min_size=1, max_size=4)
directions = st.builds("{}{}".format, st.sampled_from(["h", "v", "w2", "w3_col", "w7"]), st.sampled_from(["", "_flip"]))


@st.composite
def spaces(draw):
    candidates = draw(st.lists(directions, unique=True, min_size=1, max_size=8))
    keep = draw(st.integers(1, len(candidates)))
    return SearchSpace(name=draw(names), candidates=candidates, keep=keep, description=draw(st.text()))


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
    assert (wide.grid, wide.candidates, wide.least, wide.most, wide.merged) == ((14, 14), EIGHT, 4, 4, {})
    assert (small.grid, small.candidates, small.least) == ((7, 7), EIGHT[:6], 4)
    assert small.merged == {"w7": "h", "w7_flip": "h_flip"}


@given(spaces(), grids)
def test_a_bound_layer_splits_the_candidates_into_distinct_and_merged(space, grids):
    try:
        layers = space.bind(grids)
    except ScansearchError:
        left = [len(set(distinct(space.candidates, *grid).values())) for grid in grids]
        assert any(n < space.keep or n == 1 < len(space.candidates) for n in left)
        return
    for grid, layer in zip(grids, layers, strict=True):
        assert layer.grid == grid
        assert sorted([*layer.candidates, *layer.merged]) == sorted(space.candidates)
        assert set(layer.merged.values()) <= set(layer.candidates)
        assert len(set(distinct(layer.candidates, *grid).values())) == len(layer.candidates) >= layer.least


def test_too_few_distinct_candidates_name_the_layer_and_its_grid():
    with pytest.raises(ScansearchError) as caught:
        DEFAULT8.bind([(14, 14), (1, 7)])
    assert str(caught.value) == (
        "layer 2 keeps 4 directions, but only 2 candidates of space 'default8' differ on its 1 x 7 grid (h, h_flip); "
        "lower keep or use larger grids"
    )


@given(spaces())
def test_json_round_trip(space):
    assert SearchSpace.from_dict(json.loads(space.to_json())) == space


def test_a_file_holds_the_space_and_its_version(tmp_path):
    DEFAULT8.save(tmp_path / "space.json")
    assert json.loads((tmp_path / "space.json").read_text())["schema"] == "scansearch/space/1"
    assert SearchSpace.load(tmp_path / "space.json") == DEFAULT8


KEEP = "keep is a number of at least 1, or two in ascending order such as [2, 4]"
WRONG = {
    "keep above": (valid(keep=4), "keep must be at most the number of candidates, but space 'mine' keeps 4 of 3"),
    "keep zero": (valid(keep=0), f"keep: {KEEP}, got 0"),
    "keep text": (valid(keep="2"), f"keep: {KEEP}, got '2'"),
    "keep true": (valid(keep=True), f"keep: {KEEP}, got True"),
    "keep backwards": (valid(keep=[2, 1]), f"keep: {KEEP}, got [2, 1]"),
    "keep three": (valid(keep=[1, 2, 3]), f"keep: {KEEP}, got [1, 2, 3]"),
    "keep range above": (
        valid(keep=[1, 4]),
        "keep must be at most the number of candidates, but space 'mine' keeps 4 of 3",
    ),
    "unknown key": (
        valid(keeep=3),
        "unknown key of a search space 'keeep' (did you mean 'keep'?); there is: schema, name, ",
    ),
    "constraint kind": (valid(constraints=[{"kind": "pairs"}]), "constraints.0: "),
    "constraint key": (valid(constraints=[{"kind": "flip_pairs", "most": 1}]), "constraints.0.flip_pairs.most: extra"),
    "constraint of nothing": (
        valid(constraints=[{"kind": "count", "of": ["w9"], "least": 1}]),
        "a constraint counts 'w9', but no candidate of space 'mine' matches it; its candidates are h, v, w2",
    ),
    "constraint that says nothing": (
        valid(constraints=[{"kind": "count", "of": ["h"]}]),
        "constraints.0.count: a count needs least or most, for example least = 1",
    ),
    "constraint backwards": (
        valid(constraints=[{"kind": "count", "of": ["h"], "least": 2, "most": 1}]),
        "constraints.0.count: least <= most must hold, but got least = 2 and most = 1",
    ),
    "budget of two sources": (
        valid(budget={"limit": 1.0, "formula": "vmamba", "table": "t.json"}),
        "budget: a budget takes either formula (FLOPs) or table (measured costs), exactly one of them",
    ),
    "budget zero": (
        valid(budget={"limit": 0, "formula": "vmamba"}),
        "budget.limit: input should be greater than 0, got 0",
    ),
    "stage": (
        valid(stages={"1": {"keep": 4}}),
        "keep must be at most the number of candidates, but stages.1 of space 'mine'",
    ),
    "stage key": (valid(stages={"1": {"kep": 4}}), "stages.1.kep: extra inputs are not permitted, got 4"),
    "stage name": (valid(stages={"last": {"keep": 1}}), "stages.last."),
    "same twice": (
        valid(candidates=["h", "v", "h_t"]),
        "candidates: a direction may be listed once, but 'v' and 'h_t' are the same; keep one",
    ),
    "missing key": ({"name": "mine", "keep": 1}, "candidates: field required"),
    "unknown order": (
        valid(candidates=["h", "w0"]),
        "candidates: 'w0' is no scan order: a window is wK or wKxM, K rows by M columns and each at least 1",
    ),
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
    with pytest.raises(ScansearchError, match=r"^candidates: unknown scan order 'x'; there is, for example: .*$"):
        SearchSpace(name="mine", candidates=("h", "x"), keep=1)


def test_deep_nesting_is_refused():
    data = []
    for _ in range(900):
        data = [data]
    with pytest.raises(ScansearchError, match="^search space: JSON nested at most 64 deep"):
        SearchSpace.from_dict(data)


TOML = """
schema = "scansearch/space/1"
name = "pyramid"
candidates = ["h", "h_flip", "v", "v_flip", "w7", "w7_flip"]
keep = [2, 4]
constraints = [{kind = "flip_pairs", least = 1}, {kind = "count", of = ["*_flip"], most = 2}]
budget = {limit = 1.5e9, formula = "vmamba"}

[stages.3]
candidates = ["h", "h_flip", "v", "v_flip", "w3", "w3_flip"]

[layers.0]
keep = 2
"""


def test_a_toml_file_says_the_same_as_json(tmp_path):
    (tmp_path / "pyramid.toml").write_text(TOML)
    space = SearchSpace.load(tmp_path / "pyramid.toml")
    space.save(tmp_path / "pyramid.json")
    assert SearchSpace.load(tmp_path / "pyramid.json") == space
    assert SearchSpace.from_dict(space.to_dict()) == space
    assert space.keep == (2, 4)
    assert space.all_candidates == ("h", "h_flip", "v", "v_flip", "w7", "w7_flip", "w3", "w3_flip")


def test_stages_and_layers_have_their_own_candidates_and_numbers(tmp_path):
    (tmp_path / "pyramid.toml").write_text(TOML)
    bound = SearchSpace.load(tmp_path / "pyramid.toml").bind([(14, 14), (14, 14), (7, 7)], [0, 0, 3])
    assert [(layer.least, layer.most) for layer in bound] == [(2, 2), (2, 4), (2, 4)]
    assert bound[2].candidates == ("h", "h_flip", "v", "v_flip", "w3", "w3_flip")
    assert all(len(layer.merged) == 0 for layer in bound)


def test_what_is_said_about_stages_and_layers_must_exist(tmp_path):
    (tmp_path / "pyramid.toml").write_text(TOML)
    with pytest.raises(ScansearchError, match="says something about stages.3, but this model has stages.0 to stages.1"):
        SearchSpace.load(tmp_path / "pyramid.toml").bind([(14, 14), (7, 7)], [0, 1])


def test_candidates_that_all_coincide_leave_nothing_to_choose():
    with pytest.raises(ScansearchError) as caught:
        SearchSpace(name="mine", candidates=("h", "v", "w2"), keep=2).bind([(4, 4), (1, 1)])
    assert str(caught.value) == (
        "all 3 candidates of space 'mine' coincide on the 1 x 1 grid of layer 2, so there is nothing to choose; use larger "
        "grids (smaller patches or larger images)"
    )


def test_constraints_that_nothing_satisfies_say_so():
    rules = [{"kind": "flip_pairs", "least": 1}, {"kind": "count", "of": ["*_flip"], "most": 0}]
    space = SearchSpace(name="mine", candidates=("h", "h_flip", "v"), keep=2, constraints=rules)
    with pytest.raises(ScansearchError) as caught:
        space.bind([(4, 4)])
    assert str(caught.value) == (
        "layer 1 keeps 2 of 3 candidates (h, h_flip, v), but no choice satisfies the constraints of space 'mine' (at least 1 "
        "direction(s) together with the flip; at most 0 of *_flip); relax them, change keep, or add candidates"
    )


def test_a_flip_is_what_runs_backwards_on_the_grid_whatever_its_name():
    rules = [{"kind": "flip_pairs", "least": 1}]
    space = SearchSpace(name="mine", candidates=("h", "h_lr_ud", "v"), keep=2, constraints=rules)
    assert space.bind([(3, 4)]).size == 1
