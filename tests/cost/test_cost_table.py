import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scansearch.cost import CostTable, LayerCost
from scansearch.errors import ScansearchError

DATA = {
    "schema": "scansearch/cost/1",
    "unit": "FLOPs",
    "source": "mine",
    "model": "small",
    "image_size": [32, 48],
    "fixed": 50,
    "layers": [
        {"grid": [8, 12], "base": 100, "directions": {"h": 20, "w2": 25}},
        {"grid": [4, 6], "base": 10, "directions": {"h": 2, "v": 3}},
    ],
}


def changed(**fields):
    return {**json.loads(json.dumps(DATA)), **fields}


def test_cost_is_fixed_and_bases_and_kept_directions():
    table = CostTable.from_dict(DATA)
    assert table.cost([["h"], ["h", "v"]]) == 50 + 100 + 20 + 10 + 2 + 3
    assert table.cost([[], []]) == 160
    assert table.cost([("w2", "h"), ("v",)]) == 50 + 145 + 13


def test_integers_stay_integers_however_large():
    huge = 2**60 + 1
    table = CostTable.from_dict(changed(fixed=huge))
    assert CostTable.from_dict(json.loads(table.to_json())).cost([[], []]) == huge + 110
    assert isinstance(table.cost([["h"], []]), int)


amounts = st.one_of(st.integers(0, 2**62), st.floats(0, 1e12))
layer_costs = st.builds(
    LayerCost,
    grid=st.tuples(st.integers(1, 99), st.integers(1, 99)),
    base=amounts,
    directions=st.dictionaries(st.sampled_from(["h", "v", "w2", "w7_flip"]), amounts, min_size=1),
)
tables = st.builds(
    CostTable,
    unit=st.sampled_from(["FLOPs", "ms"]),
    source=st.text(min_size=1),
    model=st.text(min_size=1),
    image_size=st.tuples(st.integers(1, 999), st.integers(1, 999)),
    fixed=amounts,
    layers=st.lists(layer_costs, min_size=1, max_size=4).map(tuple),
    spread=st.none() | amounts,
    residual=st.none() | amounts,
)


@given(tables)
def test_json_round_trip(table):
    again = CostTable.from_dict(json.loads(table.to_json()))
    assert again == table
    assert again.to_json() == table.to_json()


@given(tables, st.data())
def test_every_direction_adds_its_own_cost(table, data):
    kept = [data.draw(st.sets(st.sampled_from(sorted(layer.directions)))) for layer in table.layers]
    without = table.cost([[] for _ in table.layers])
    parts = [layer.directions[name] for layer, names in zip(table.layers, kept, strict=True) for name in names]
    assert math.isclose(table.cost([list(names) for names in kept]), without + sum(parts), abs_tol=1e-3)


def test_save_and_load(tmp_path):
    table = CostTable.from_dict(DATA)
    table.save(tmp_path / "costs.json")
    assert CostTable.load(tmp_path / "costs.json") == table
    assert json.loads((tmp_path / "costs.json").read_text()) == DATA


def test_costs_for_a_budget():
    costs = CostTable.from_dict(DATA).costs("small", [(8, 12), (4, 6)])
    assert (costs.unit, costs.fixed) == ("FLOPs", 160)
    assert costs.layers == [{"h": 20, "w2": 25}, {"h": 2, "v": 3}]


@pytest.mark.parametrize(
    ("model", "grids", "says"),
    [
        ("large", [(8, 12), (4, 6)], "is for small with 2 layers of 8 x 12, 4 x 6 tokens, but the model is large"),
        ("small", [(8, 12), (4, 4)], "but the model is small with 2 layers of 8 x 12, 4 x 4 tokens"),
        ("small", [(8, 12)], "with 1 layers of 8 x 12 tokens"),
    ],
)
def test_a_table_serves_only_its_model(model, grids, says):
    with pytest.raises(ScansearchError) as caught:
        CostTable.from_dict(DATA).costs(model, grids)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_genotypes():
    table = CostTable.from_dict(DATA)
    with pytest.raises(ScansearchError, match="has 2 layers, but directions for 1 were given; make one"):
        table.cost([["h"]])
    with pytest.raises(ScansearchError, match="no cost for 'w2' in layer 2, only for h, v; make one"):
        table.cost([["h"], ["w2"]])


LAYER = DATA["layers"][0]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"fixed": -1}, "costs.json: fixed: a cost is a finite number of at least 0, got -1"),
        ({"fixed": "50"}, "finite number of at least 0, got '50'"),
        ({"fixed": True}, "got True"),
        ({"fixed": math.nan}, "got nan"),
        ({"fixed": 2**63}, "fixed: an integer has at most 64 bits, but this one has 65"),
        ({"fixed": 10**400}, "fixed: an integer has at most 64 bits, but this one has 1330"),
        ({"fixed": 1e308}, "a cost is less than 2^63"),
        ({"image_size": [2**63, 1]}, "image_size.0: an integer has at most 64 bits"),
        ({"image_size": [True, 1]}, "image_size.0: input should be a valid integer, got True"),
        ({"layers": [LAYER] * 20_000}, "layers: at most 1,000 layers are read, but there are 20,000"),
        (
            {"layers": [{**LAYER, "directions": dict.fromkeys(map(str, range(5000)), 1)}]},
            "layers.0.directions: at most 1,000 costs are read, but there are 5,000",
        ),
        ({"layers": []}, "a cost table has at least one layer"),
        (
            {"layers": [{**LAYER, "directions": {}}]},
            "layers.0.directions: a layer has costs for at least one direction",
        ),
        ({"layers": [{**LAYER, "directions": {"h": math.inf}}]}, "got inf"),
        ({"layers": [{**LAYER, "grid": [0, 8]}]}, "layers.0.grid.0"),
        ({"unit": "s"}, "unit: input should be 'FLOPs' or 'ms', got 's'"),
        ({"schema": "scansearch/cost/2"}, "schema"),
        ({"colour": 1}, "colour: extra inputs are not permitted"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_a_wrong_table_is_refused_in_one_line(fields, says):
    with pytest.raises(ScansearchError) as caught:
        CostTable.from_dict(changed(**fields), "costs.json")
    assert says in str(caught.value)
    assert str(caught.value).startswith("costs.json: ")
    assert "\n" not in str(caught.value)
    assert "more problems" not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(ScansearchError, match="cannot read this cost table"):
        CostTable.load(tmp_path / "costs.json")
