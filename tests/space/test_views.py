"""A space in the words of Optuna and NNI: what they find is a genotype of the space."""

import json

import optuna
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from space_strategies import bound_or_skip, generator, grids, spaces

from scansearch.errors import ScansearchError
from scansearch.space import Budget, Costs, SearchSpace, views

WIDE = SearchSpace(name="wide", candidates=[f"w{k}{end}" for k in range(2, 9) for end in ("", "_flip")], keep=4)


@given(spaces(), grids, st.integers(0, 2**32))
@settings(deadline=None)
def test_parameters_round_trip(space, grids, seed):
    bound = bound_or_skip(space, grids)
    choice = bound.sample(generator(seed))
    values = views.to_parameters(bound, choice)
    assert [name for name, _ in views.parameters(bound)] == list(values)
    assert views.from_parameters(bound, values) == choice


@given(spaces(), grids, st.integers(0, 2**32))
@settings(deadline=None)
def test_numbers_round_trip_too(space, grids, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "MOST_CATEGORIES", 0)
        test_parameters_round_trip.hypothesis.inner_test(space, grids, seed)


def test_a_wide_layer_of_variable_keep_has_its_number_of_directions_as_a_parameter():
    wide = SearchSpace(
        name="wide", candidates=[f"w{k}{end}" for k in range(2, 9) for end in ("", "_flip")], keep=(2, 5)
    )
    bound = wide.bind([(14, 14)])
    assert dict(views.parameters(bound))["layer0"] == range(2, 6)
    assert views.nni_search_space(bound)["layer0"] == {"_type": "randint", "_value": [2, 6]}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    counts = [len(views.suggest(bound, study.ask())[0]) for _ in range(80)]
    assert min(counts.count(n) for n in range(2, 6)) >= 5  # and not nearly always the largest
    counted = views.optuna_distributions(bound)["layer0"]
    assert (counted.low, counted.high) == (2, 5)
    values = {name: 0.0 for name, _ in views.parameters(bound)} | {"layer0": 2, "layer0/w5": 0.1, "layer0/w3": 0.2}
    assert bound.directions(views.from_parameters(bound, values)) == [["w3", "w5"]]
    for wrong in (6, 4.0, True):
        with pytest.raises(ScansearchError, match=f"layer0 must be a whole number from 2 to 5, but got {wrong}"):
            views.from_parameters(bound, {**values, "layer0": wrong})


def test_wide_layers_are_numbers_and_narrow_ones_categories():
    narrow = {2: {"candidates": ["h", "h_flip", "v", "v_flip"], "keep": 2}}
    bound = SearchSpace(name="wide", candidates=WIDE.candidates, keep=4, layers=narrow).bind([(14, 14), (4, 4), (4, 4)])
    assert bound[0].size == 1001
    kinds = dict(views.parameters(bound))
    assert kinds["layer0/w2"] is None
    assert kinds["layer1/w2"] is None
    assert len(kinds["layer2"]) == bound[2].size == 6
    choice = bound.sample(generator())
    assert views.from_parameters(bound, views.to_parameters(bound, choice)) == choice


@pytest.mark.parametrize("sampler", [optuna.samplers.RandomSampler(seed=0), optuna.samplers.TPESampler(seed=0)])
def test_optuna_searches_it(sampler):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    bound = WIDE.bind([(14, 14), (4, 4)])

    def objective(trial):
        choice = views.suggest(bound, trial)
        assert bound.allows(choice)
        return sum(map(sum, choice))

    study = optuna.create_study(sampler=sampler)
    study.enqueue_trial(views.to_parameters(bound, ((0, 1, 2, 3), (0, 1, 2, 3))))
    study.optimize(objective, n_trials=15)
    assert study.best_value == 12
    assert set(views.optuna_distributions(bound)) == set(study.trials[0].distributions)


def test_a_trial_beyond_the_budget_is_pruned():
    costs = Costs("FLOPs", 0, [{"h": 1, "v": 5}] * 2)
    space = SearchSpace(name="mine", candidates=("h", "v"), keep=1, budget=Budget(limit=6, table="t"))
    bound = space.bind([(4, 4)] * 2, costs=costs)
    study = optuna.create_study()
    study.enqueue_trial({"layer0": "v", "layer1": "v"})
    study.enqueue_trial({"layer0": "v", "layer1": "h"})
    study.optimize(lambda trial: float(bound.cost(views.suggest(bound, trial))), n_trials=2)
    assert [trial.state.name for trial in study.trials] == ["PRUNED", "COMPLETE"]
    assert [trial.constraints for trial in study.trials] == [{"budget": 4}, {"budget": 0}]


@pytest.mark.parametrize("wide", [False, True])
def test_what_numbers_want_is_known_whatever_it_costs(wide):
    names = WIDE.candidates[: 8 if wide else 4]
    costs = Costs("FLOPs", 0, [{name: i + 1 for i, name in enumerate(names)}] * 2)
    space = SearchSpace(name="mine", candidates=names, keep=(1, 2), budget=Budget(limit=9, table="t"))
    bound = space.bind([(14, 14)] * 2, costs=costs)
    dear = ((2, 3), (2, 3))
    values = views.to_parameters(bound, dear, generator())
    assert views.wanted(bound, values) == dear
    assert bound.excess(dear) == 14 - 9
    assert bound.excess(views.from_parameters(bound, values)) <= 0


def test_random_numbers_of_a_genotype_keep_it_and_differ():
    bound = WIDE.bind([(14, 14)])
    choice, random = bound.sample(generator()), generator()
    one, other = (views.to_parameters(bound, choice, random) for _ in "ab")
    assert one != other
    assert len({*one.values()}) == len(one)
    assert all(0 <= value < 1 for value in one.values())
    assert views.from_parameters(bound, one) == views.from_parameters(bound, other) == choice


def test_the_nni_view_is_its_json():
    found = views.nni_search_space(WIDE.bind([(14, 14)]))
    assert found["layer0/w2"] == {"_type": "uniform", "_value": [0.0, 1.0]}
    narrow = SearchSpace(name="narrow", candidates=WIDE.candidates[:4], keep=2).bind([(14, 14)])
    assert views.nni_search_space(narrow) == {
        "layer0": {
            "_type": "choice",
            "_value": ["w2+w2_flip", "w2+w3", "w2+w3_flip", "w2_flip+w3", "w2_flip+w3_flip", "w3+w3_flip"],
        }
    }
    json.dumps(found)


def test_wrong_parameters_are_refused():
    bound = SearchSpace(name="narrow", candidates=WIDE.candidates[:4], keep=2).bind([(4, 4)])
    with pytest.raises(ScansearchError, match="needs a value for 'layer0', but there is none"):
        views.from_parameters(bound, {})
    with pytest.raises(ScansearchError, match="layer0 must be one of the choices of space 'narrow', but got 'h'"):
        views.from_parameters(bound, {"layer0": "h"})


def test_the_description_is_json():
    told = views.describe(WIDE.bind([(14, 14), (4, 4)]))
    assert json.loads(json.dumps(told)) == told
    assert told["layers"][1]["merged"]["w5"] == "w4"
    assert told["genotypes"] == 1001 * 15
    assert torch.tensor(told["layers"][0]["keep"]).tolist() == [4, 4]


def test_where_constraints_forbid_what_is_wanted_the_larger_numbers_stay():
    names = [f"w{k}{end}" for k in range(2, 9) for end in ("", "_flip")]
    rule = {"kind": "count", "of": ["*_flip"], "most": 1}
    bound = SearchSpace(name="wide", candidates=names, keep=(2, 5), constraints=[rule]).bind([(14, 14)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "MOST_CATEGORIES", 0)
        values = {name: 0.0 for name, _ in views.parameters(bound)}
        values |= {"layer0": 3, "layer0/w2_flip": 0.7, "layer0/w3_flip": 0.9, "layer0/w4": 0.8, "layer0/w5": 0.1}
        assert bound.directions(views.from_parameters(bound, values)) == [["w3_flip", "w4"]]
