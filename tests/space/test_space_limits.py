"""Work has stated limits: what is beyond them is refused in one short line, before it is begun."""

import pytest

from scansearch.errors import ScansearchError
from scansearch.space import SearchSpace, bind, paths

RANDOM = [f"random:{i}" for i in range(1001)]
MINE = {"name": "mine", "candidates": ["h", "v", "w2", "w2_flip"], "keep": 2}
COUNT = {"kind": "count", "of": ["h"], "least": 1}

TOO_MUCH = {
    "candidates": (
        {"candidates": [f"random:{i}" for i in range(20_000)]},
        "candidates: at most 1,000 directions are read",
    ),
    "constraints": (
        {"constraints": [COUNT] * 10_000},
        "constraints: at most 16 constraints are read, but there are 10,000",
    ),
    "patterns": (
        {"constraints": [{**COUNT, "of": ["h"] * 100_000}]},
        "constraints.0.count.of: at most 100 directions or patterns are read, but there are 100,000",
    ),
    "a pattern": ({"constraints": [{**COUNT, "of": ["*" * 10**6]}]}, "constraints.0.count.of.0: "),
    "layers": ({"layers": {str(i): {"keep": 1} for i in range(5000)}}, "layers: at most 1,000 layers are read"),
    "stages": ({"stages": {str(i): {"keep": 1} for i in range(5000)}}, "stages: at most 1,000 stages are read"),
    "keep": ({"keep": 10**400}, "keep: an integer has at most 64 bits, but this one has 1330"),
    "a name": ({"name": "x" * 10**7}, "name: a space has a name that may become a file"),
    "a key": ({"k" * 10**7: 1}, "unknown key of a search space"),
    "a candidate": (
        {"candidates": ["x" * 10**7]},
        "candidates: a scan order is named by text of at most 200 characters",
    ),
}


@pytest.mark.parametrize(("change", "says"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_space_beyond_the_limits_is_refused_in_a_short_line(change, says):
    with pytest.raises(ScansearchError) as caught:
        SearchSpace.from_dict({**MINE, **change}, "space.toml")
    assert str(caught.value).startswith(f"space.toml: {says}")
    assert len(str(caught.value)) < 800


def space(**changes):
    return SearchSpace.from_dict({**MINE, **changes})


def test_a_model_of_a_million_layers():
    with pytest.raises(
        ScansearchError, match="on at most 1,000 layers, but this model has 1,000,000; take a smaller depth"
    ):
        space().bind([(8, 8)] * 1_000_000)


def test_candidates_on_grids_that_take_more_than_memory():
    with pytest.raises(
        ScansearchError, match="visit 268,435,456 tokens .* at most 134,217,728 are compared; use smaller"
    ):
        space(candidates=RANDOM[:16]).bind([(4096, 4096)])


def test_choices_whose_graph_explodes(monkeypatch):
    monkeypatch.setattr(paths, "MOST_STEPS", 5000)
    assert space(candidates=RANDOM[:100], keep=4).bind([(8, 8)]).size == 3_921_225
    with pytest.raises(
        ScansearchError, match="counted in at most 5,000 steps, .* take more for 101 candidates; lower keep"
    ):
        space(candidates=RANDOM[:101], keep=50).bind([(8, 8)])
    rules = [{"kind": "count", "of": [f"*{i}*"], "least": 3, "most": 6} for i in range(8)]
    with pytest.raises(ScansearchError, match="keep and the constraints take more for 63 candidates"):
        space(candidates=RANDOM[:63], keep=[1, 30], constraints=rules).bind([(8, 8)])


def test_a_number_of_genotypes_that_nobody_could_print():
    with pytest.raises(
        ScansearchError, match=r"has about 10\^4\d\d\d genotypes on the 1,000 layers .* and at most 10\^4000"
    ):
        space(candidates=RANDOM[:40], keep=4).bind([(8, 8)] * 1000)
    assert len(str(space().bind([(8, 8)] * 1000).size)) == 779


def test_layers_that_are_alike_are_laid_out_once(monkeypatch):
    laid_out = []
    monkeypatch.setattr(bind, "_layer", lambda *a, real=bind._layer: laid_out.append(a) or real(*a))
    bound = space(layers={"3": {"keep": 1}}).bind([(8, 8), (4, 4)] * 100)
    assert len(laid_out) == 3
    assert bound[3].most == 1
    assert bound[5] is bound[7]


@pytest.mark.parametrize(
    "name", ["/abs", "../x", "a/b", ".hidden", "-o", "a b", "[hv]", "a\nb", "nul", "COM1.txt", "caf\u00e9", "\u202ex"]
)
def test_a_name_that_cannot_be_that_of_a_run_folder(name):
    with pytest.raises(
        ScansearchError, match="name: a space has a name that may become a file: 1 to 100 letters"
    ) as caught:
        space(name=name)
    assert str(caught.value).isprintable()
