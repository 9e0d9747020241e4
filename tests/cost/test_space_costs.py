import pytest

from scansearch.cost import CostTable, costs_of, flops_table
from scansearch.errors import ScansearchError
from scansearch.registry import MODELS
from scansearch.shape import ImageShape
from scansearch.space import SearchSpace

SHAPE = ImageShape(8, 8, channels=1, classes=10)
NAMES = ("h", "v", "w2", "w2_flip")


def nano():
    return MODELS.get("local_vim_nano").configure(patch_size=1)


def space(**budget):
    return SearchSpace(name="mine", candidates=NAMES, keep=2, budget=budget or None)


def test_without_a_budget_there_is_nothing_to_count():
    assert costs_of(space(), nano(), SHAPE) is None


@pytest.mark.parametrize("formula", ["vmamba", "localmamba"])
def test_a_formula(formula):
    costs = costs_of(space(limit=1e9, formula=formula), nano(), SHAPE)
    table = flops_table(nano(), [NAMES] * 4, SHAPE, formula=formula)
    assert costs.unit == "FLOPs"
    chosen = [["h", "w2"]] * 4
    sums = sum(costs.layers[i][name] for i, names in enumerate(chosen) for name in names)
    assert costs.fixed + sums == table.cost(chosen)


def test_candidates_of_a_layer_count():
    mine = SearchSpace(
        name="mine",
        candidates=("h", "v"),
        keep=1,
        layers={2: {"candidates": ("w2", "w2_flip")}},
        budget={"limit": 1e9, "formula": "vmamba"},
    )
    assert [set(layer) for layer in costs_of(mine, nano(), SHAPE).layers] == [
        {"h", "v"},
        {"h", "v"},
        {"w2", "w2_flip"},
        {"h", "v"},
    ]


def test_a_table(tmp_path):
    path = str(tmp_path / "costs.json")
    table = flops_table(nano(), [NAMES] * 4, SHAPE)
    table.model_copy(update={"unit": "ms"}).save(path)
    costs = costs_of(space(limit=5.0, table=path), nano(), SHAPE)
    assert costs.unit == "ms"
    assert costs.layers == [layer.directions for layer in CostTable.load(path).layers]


def test_what_does_not_fit(tmp_path, hierarchy):
    path = str(tmp_path / "costs.json")
    flops_table(nano(), [NAMES] * 4, SHAPE).save(path)
    with pytest.raises(
        ScansearchError, match="is for local_vim_nano with 4 layers of 8 x 8 tokens, but the model is theirs"
    ):
        costs_of(space(limit=1.0, table=path), hierarchy, SHAPE)
    with pytest.raises(ScansearchError, match="no FLOP formula is known for theirs"):
        costs_of(space(limit=1.0, formula="vmamba"), hierarchy, SHAPE)
    with pytest.raises(ScansearchError, match="unknown FLOP formula 'nope'"):
        costs_of(space(limit=1.0, formula="nope"), nano(), SHAPE)
    with pytest.raises(ScansearchError, match=r"gone\.json: cannot read this cost table"):
        costs_of(space(limit=1.0, table="gone.json"), nano(), SHAPE)
