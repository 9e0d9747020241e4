import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scansearch
from scansearch import Genotype
from scansearch.errors import ScansearchError
from scansearch.genotype import published_names
from scansearch.registry import SEARCH_SPACES

LOCAL_VIM_T = """
h,v_flip,w7,w7_flip | h_flip,w2_flip,w7,w7_flip | h,h_flip,v,w7 | h,h_flip,v,v_flip | h,h_flip,v,v_flip
h,h_flip,v,v_flip | h_flip,v,v_flip,w7 | h_flip,v,v_flip,w2_flip | h,h_flip,v,v_flip | h,h_flip,v,v_flip
h,v,v_flip,w2 | h,v,v_flip,w2_flip | h,h_flip,v_flip,w7 | h_flip,v,v_flip,w2 | h,h_flip,v,v_flip
h,v,w2,w2_flip | v,v_flip,w2,w7 | h,h_flip,v,w2 | h,h_flip,w2_flip,w7 | v,v_flip,w2,w2_flip
"""
LOCAL_VMAMBA_T = """
h,h_flip,w7,w7_flip | h_flip,v_flip,w2,w2_flip
h_flip,v_flip,w2_flip,w7 | h_flip,v,v_flip,w2
h,h_flip,v_flip,w2_flip | h_flip,v_flip,w2,w2_flip | h,w2_flip,w7,w7_flip | h,h_flip,v,v_flip | h,v_flip,w7,w7_flip
h_flip,v,w2,w7_flip | v,v_flip,w2,w7_flip | h,h_flip,v_flip,w2_flip | v_flip,w2_flip,w7,w7_flip
h_flip,v_flip,w2_flip,w7_flip | h_flip,v,w7,w7_flip
"""
FOUR = [["h", "v"], ["h_flip", "w2"], ["w7_col", "v_flip"], ["w3"]]

words = st.text(max_size=8)
numbers = (
    st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
)
anything = st.recursive(words | numbers, lambda c: st.lists(c, max_size=3) | st.dictionaries(words, c, max_size=3))
orders = st.builds("{}{}".format, st.sampled_from(["h", "v", "w2", "w5_col"]), st.sampled_from(["", "_flip"]))
layers = st.fixed_dictionaries(
    {"directions": st.lists(orders, unique=True, min_size=1)},
    optional={
        "stage": st.integers(0, 3),
        "grid": st.tuples(st.integers(1, 99), st.integers(1, 99)).map(list),
        "scores": st.dictionaries(orders, st.floats(0, 1)),
        "margin": st.floats(0, 1),
        "settled": st.booleans(),
        "comment": anything,
    },
)
documents = st.fixed_dictionaries(
    {"layers": st.lists(layers, min_size=1, max_size=3)},
    optional={
        "model": words,
        "space": st.just({"name": "mine", "candidates": ["h", "v"], "keep": 1, "since": None}),
        "search": st.dictionaries(words, anything, max_size=3),
        "comment": anything,
        "copy": anything,
        "directions": anything,
    },
)


def table(text):
    return [layer.strip().split(",") for line in text.strip().splitlines() for layer in line.split("|")]


@given(documents)
def test_round_trip_keeps_every_field_known_or_not(document):
    written = json.loads(Genotype.from_dict(document).to_json())
    assert written["schema"] == "scansearch/genotype/1"
    assert {key: written[key] for key in document if key != "layers"} == {
        k: document[k] for k in document if k != "layers"
    }
    for layer, source in zip(written["layers"], document["layers"], strict=True):
        assert {key: layer[key] for key in source} == source
    assert Genotype.from_dict(written) == Genotype.from_dict(document)


@given(documents)
def test_text_of_what_was_read_is_what_was_written(document):
    text = Genotype.from_dict(document).to_json()
    assert Genotype.from_dict(json.loads(text)).to_json() == text


def test_save_and_load(tmp_path):
    genotype = Genotype.from_directions(FOUR, model="local_vim_nano", note={"by": "\u00e9 \ud800", "why": None})
    genotype.save(tmp_path / "g.json")
    assert Genotype.load(tmp_path / "g.json") == genotype == scansearch.load_genotype(tmp_path / "g.json")


def test_localmambas_list_of_lists_is_read(tmp_path):
    (tmp_path / "g.json").write_text(json.dumps(FOUR))
    genotype = Genotype.load(tmp_path / "g.json")
    assert genotype == Genotype.from_directions(FOUR)
    assert genotype.directions == FOUR


def test_what_is_not_known_is_left_out_of_the_file():
    assert json.loads(Genotype.from_directions([["h"]]).to_json()) == {
        "schema": "scansearch/genotype/1",
        "layers": [{"stage": 0, "directions": ["h"], "scores": {}}],
        "search": {},
    }


def test_a_file_never_holds_nan_or_infinity():
    loss = {"supernet_loss": math.nan, "seen": [math.inf, 1.5]}
    text = Genotype.from_directions([["h"]], search=loss).to_json()
    assert json.loads(text, parse_constant=pytest.fail)["search"] == {"supernet_loss": None, "seen": [None, 1.5]}


def test_candidates_are_those_of_the_space_or_else_all_that_are_named():
    eight = SEARCH_SPACES.get("default8").candidates
    assert scansearch.published("local_vim_tiny").candidates == eight
    layers = [{"directions": ["w10", "w7"], "scores": {"w3": 0.1}}, {"directions": ["v_flip", "h"]}]
    assert Genotype.from_dict({"layers": layers}).candidates == ("h", "v_flip", "w7", "w3", "w10")


def layer(**fields):
    return {"layers": [{"directions": ["h"]}, {"directions": ["h"], **fields}]}


WRONG = {
    "unknown direction": ([["h"], ["h", "x"]], "layers.1.directions: unknown scan order 'x'; there is, for example: "),
    "window of nothing": ([["w0"]], "layers.0.directions: 'w0' is no scan order: a window is wK or wKxM"),
    "twice": ([["h"], ["v", "v"]], "layers.1.directions: a direction may be listed once, but 'v' comes twice"),
    "no layers": ([], "layers: a genotype has at least one layer, got []"),
    "an empty layer": ([["h"], []], "layers.1.directions: at least one direction must be listed, got []"),
    "a text for a layer": ([["h"], "hv"], "layers.1.directions: input should be a valid tuple, got 'hv'"),
    "numbers": ([[1, 2]], "layers.0.directions.0: input should be a valid string, got 1 (and 1 more problems)"),
    "layers missing": ({"model": "m"}, "layers: field required"),
    "a number": (3, "input should be a valid dictionary or instance of Genotype, got 3"),
    "version": ({"schema": "scansearch/genotype/9", **layer()}, "schema: input should be 'scansearch/genotype/1', got"),
    "empty grid": (layer(grid=[0, 14]), "layers.1.grid.0: input should be greater than or equal to 1, got 0"),
    "grid of three": (layer(grid=[1, 2, 3]), "layers.1.grid: "),
    "grid in words": (layer(grid=["7", 7]), "layers.1.grid.0: input should be a valid integer, got '7'"),
    "stage": (layer(stage=-1), "layers.1.stage: input should be greater than or equal to 0, got -1"),
    "score": (layer(scores={"h": math.nan}), "layers.1.scores.h: input should be a finite number, got nan"),
    "scores of nothing": (layer(scores={"x": 1}), "layers.1.scores: unknown scan order 'x'; there is, for example: "),
    "score beyond the floats": (
        layer(scores={"h": 10**400}),
        "layers.1.scores.h: an integer has at most 64 bits, but this one has 1330; make it smaller",
    ),
    "margin": (layer(margin=math.inf), "layers.1.margin: input should be a finite number, got inf"),
    "margin yes": (layer(margin=True), "layers.1.margin: input should be a valid number, got True"),
    "huge grid": (layer(grid=[2**63, 1]), "layers.1.grid.0: an integer has at most 64 bits, but this one has 65"),
    "huge stage": (layer(stage=10**30), "layers.1.stage: an integer has at most 64 bits, but this one has 101"),
    "layers": ([["h"]] * 20_000, "layers: at most 1,000 layers are read, but there are 20,000, got "),
    "directions": ([["h"] * 20_000], "layers.0.directions: at most 1,000 directions are read, but there are 20,000"),
    "scores": (layer(scores=dict.fromkeys(map(str, range(5000)), 1)), "layers.1.scores: at most 1,000 scores are read"),
    "candidates in number": (
        {**layer(), "space": {"candidates": ["h"] * 5000}},
        "space: at most 1,000 candidates are read, but there are 5,000",
    ),
    "model": ({**layer(), "model": "x" * 10**6}, "model: string should have at most 10000 characters, got 'xxx"),
    "a long name": ([["x" * 10**6]], "layers.0.directions: a scan order is named by text of at most 200 characters"),
    "a long key": (layer(scores={"x" * 10**6: "high"}), "layers.1.scores.xxx"),
    "markup": ([["[hv]"]], "layers.0.directions: unknown scan order '[hv]'; there is, for example: "),
    "escapes": ([["\x1b[2Jh"]], "layers.0.directions: unknown scan order '\\x1b[2Jh'"),
    "an escape as a key": (
        layer(**{"scores": {"\x1b[2J": "high"}}),
        "layers.1.scores.\\x1b[2J: input should be a valid number",
    ),
    "noise": (layer(settled="yes"), "layers.1.settled: input should be a valid boolean, got 'yes'"),
    "candidates": ({**layer(), "space": {"candidates": 8}}, "space: candidates must be a list of directions"),
    "candidate": (
        {**layer(), "space": {"candidates": ["h", "x"]}},
        "space: unknown scan order 'x'; there is, for example: ",
    ),
}


@pytest.mark.parametrize(("data", "rule"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_refused_in_one_line_that_begins_with_its_path(tmp_path, data, rule):
    check_refused(tmp_path, json.dumps(data).encode(), rule)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b'{"layers": [', "a genotype is JSON, but line 1 column 13 is not: "),
        (b"", "a genotype is JSON, but line 1 column 1 is not: "),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "a genotype is JSON text in UTF-8, but this is a binary file"),
        (b"[" * 60_000 + b"]" * 60_000, "a genotype is a shallow JSON document, but this one is nested too deeply"),
        (b"[" * 300 + b"]" * 300, "JSON nested at most 64 deep is read, but this is nested too deeply"),
        (b'{"layers": [{"directions": ["h"]}], "x": ' + b"[" * 300 + b"]" * 300 + b"}", "JSON nested at most 64 deep"),
    ],
    ids=["broken", "empty", "binary", "very deep", "deep", "deep in an unknown field"],
)
def test_a_file_that_is_no_genotype_is_refused_in_one_line(tmp_path, content, rule):
    check_refused(tmp_path, content, rule)


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "g.json"
    with path.open("wb") as file:
        file.truncate(33 << 20)
    with pytest.raises(ScansearchError, match="a genotype is at most 32 MB of JSON, but this is 33 MB"):
        Genotype.load(path)


def check_refused(tmp_path, content, rule):
    path = tmp_path / "g.json"
    path.write_bytes(content)
    with pytest.raises(ScansearchError) as caught:
        Genotype.load(path)
    assert str(caught.value).startswith(f"{path}: {rule}")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 5000


@pytest.mark.parametrize(
    ("name", "expected"), [("local_vim_tiny", table(LOCAL_VIM_T)), ("local_vmamba_tiny", table(LOCAL_VMAMBA_T))]
)
def test_the_published_tables(name, expected):
    genotype = scansearch.published(name)
    assert genotype.model == name
    assert genotype.directions == expected


DEPTHS = {
    "local_vim_tiny": [20],
    "local_vim_tiny_fixed": [20],
    "vim_tiny": [24],
    "local_vmamba_tiny": [2, 2, 9, 2],
    "local_vmamba_small": [2, 2, 27, 2],
    "vmamba_tiny": [2, 2, 9, 2],
}


def test_every_published_genotype_has_its_depths_and_grids_here():
    assert published_names() == sorted(DEPTHS)


@pytest.mark.parametrize(("name", "depths"), DEPTHS.items(), ids=DEPTHS)
def test_published_depths_and_grids(name, depths):
    sides = [14] if len(depths) == 1 else [56, 28, 14, 7]
    expected = [(i, (sides[i], sides[i])) for i, depth in enumerate(depths) for _ in range(depth)]
    assert [(layer.stage, layer.grid) for layer in scansearch.published(name).layers] == expected


@pytest.mark.parametrize("name", ["local_vim_tiny", "local_vmamba_tiny", "local_vmamba_small"])
def test_published_searches_kept_four_of_default8(name):
    genotype = scansearch.published(name)
    space = SEARCH_SPACES.get("default8")
    assert genotype.space == {"name": "default8", "candidates": list(space.candidates), "keep": 4}
    assert all(len(kept) == 4 and set(kept) <= set(space.candidates) for kept in genotype.directions)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("local_vim_tiny_fixed", ["h", "h_flip", "w2", "w2_flip"]),
        ("vim_tiny", ["h", "h_flip"]),
        ("vmamba_tiny", ["h", "v", "h_flip", "v_flip"]),
    ],
)
def test_published_controls_are_the_same_in_every_layer(name, kept):
    assert all(directions == kept for directions in scansearch.published(name).directions)


def test_an_unknown_published_name_lists_those_there_are():
    with pytest.raises(
        ScansearchError, match=r"'local_vim_tine' \(did you mean 'local_vim_tiny'\?\); there is: local_vim"
    ):
        scansearch.published("local_vim_tine")


def test_a_run_folder_means_its_genotype(tmp_path):
    run = tmp_path / "a run"
    run.mkdir()
    with pytest.raises(
        ScansearchError, match="holds no genotype.json; name a run folder that has one, or a genotype file"
    ):
        Genotype.load(run)
    (run / "config.toml").touch()
    with pytest.raises(ScansearchError, match=r"holds no genotype yet; finish it with `scansearch resume '.*'`$"):
        Genotype.load(run)
    Genotype.from_directions(FOUR).save(run / "genotype.json")
    assert scansearch.load_genotype(str(run)) == Genotype.from_directions(FOUR)
