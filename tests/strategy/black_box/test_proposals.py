"""What Optuna's samplers propose: genotypes of the space, within a budget, and all over it."""

import optuna
import pytest
from additive import Additive, shares
from additive import searched as searched_for
from optuna.trial import TrialState
from toy_search import NAMES, ToySupernet, space, strategy

from scansearch.space import Budget, Costs, EvenDraws, SearchSpace, views
from scansearch.strategy.black_box import proposals
from scansearch.strategy.black_box.nsga2 import Nsga2, population
from scansearch.strategy.black_box.proposals import Proposals, refused

PRICES = dict(zip(NAMES, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0), strict=True))


def priced(limit=24.0, keep=(1, 4), layers=3, **more):
    made = SearchSpace(name="priced", candidates=NAMES, keep=keep, budget=Budget(limit=limit, table="t"), **more)
    return made.bind([(8, 8)] * layers, costs=Costs("FLOPs", 0.0, [PRICES] * layers))


class DearIsGood:
    """The dearer, the better: searches go where the budget ends."""

    def __init__(self, bound):
        self.bound, self.asked = bound, []

    def __call__(self, selections):
        self.asked.append(tuple(s.indices for s in selections))
        return self.bound.cost(self.asked[-1]) / 100


def searched(bound, **settings):
    found, judge = (
        strategy("optuna_search", ToySupernet(layers=len(bound), count=8), bound, **settings),
        DearIsGood(bound),
    )
    found.finish(judge)
    return found, judge


@pytest.mark.parametrize("beyond", ["nearest", "constraint"])
@pytest.mark.parametrize("sampler", ["tpe", pytest.param("gp", marks=pytest.mark.slow), "nsga2", "random"])
def test_only_what_the_space_allows_is_judged(sampler, beyond):
    bound = priced(layers=2, limit=16.0, constraints=[{"kind": "count", "of": ["*_flip"], "most": 2}])
    _, judge = searched(bound, sampler=sampler, beyond=beyond, trials=13)
    assert len(judge.asked) > 10
    assert all(bound.allows(choice) for choice in judge.asked)


def all_trials(monkeypatch, bound, **settings):
    """Every trial of the study of a search."""
    kept, create = [], optuna.create_study
    monkeypatch.setattr(optuna, "create_study", lambda **named: kept.append(create(**named)) or kept[-1])
    searched(bound, **settings)
    return next(study for study in reversed(kept) if study.study_name == "scansearch").trials


@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_what_exceeds_the_budget_is_told_and_not_judged_until_patience_ends(sampler, monkeypatch):
    bound = priced(limit=8.0, layers=2)
    trials = all_trials(monkeypatch, bound, sampler=sampler, beyond="constraint", trials=14)
    beyond = [trial for trial in trials if refused(trial)]
    assert beyond
    for trial in trials:
        excess = trial.constraints["budget"]
        assert excess == bound.excess(views.wanted(bound, trial.params))
        assert (trial.state == TrialState.COMPLETE) == (excess <= 0)
    runs = "".join("r" if refused(trial) else "." for trial in trials)
    assert "r" * (proposals.REFUSALS + 1) not in runs


def test_a_first_generation_is_spread_over_costs_and_its_children_are_allowed(monkeypatch):
    bound = priced(limit=40.0)
    trials = [t for t in all_trials(monkeypatch, bound, sampler="nsga2", trials=100) if t.state == TrialState.COMPLETE]
    costs, bins = [trial.values[1] for trial in trials], EvenDraws(bound).bins
    assert population(100) == len(bins) == 10
    assert all(cost in costs_of_bin for cost, costs_of_bin in zip(costs, bins, strict=False))
    generations = {key: value for trial in trials for key, value in trial.system_attrs.items() if "generation" in key}
    assert list(generations) == ["Nsga2:generation"]
    assert max(trial.system_attrs["Nsga2:generation"] for trial in trials) == 9
    assert sum(cost == 40 for cost in costs) < 50  # and not nearly all of them


@pytest.mark.parametrize(("trials", "size"), [(1, 4), (200, 20), (5000, 100)])
def test_a_population_is_a_tenth_of_the_trials(trials, size):
    assert population(trials) == size


def test_children_come_from_their_parents():
    bound, kids = space(count=8, keep=4, layers=6), []
    sampler, domains = Nsga2(bound, 40, 0), views.optuna_distributions(bound)
    one, other = ((0, 1, 2, 3),) * 6, ((4, 5, 6, 7),) * 6
    parents = [
        optuna.trial.create_trial(values=[0.5, 24.0], params=views.to_parameters(bound, choice), distributions=domains)
        for choice in (one, other)
    ]
    for _ in range(50):
        child = views.from_parameters(bound, sampler._child(None, domains, parents))
        assert bound.allows(child)
        kids.append(sum(layer in (one[0], other[0]) for layer in child))
    assert 3.5 < sum(kids) / 50 < 5.5  # of six layers one is drawn anew, and another one with a probability of 1/6 each


@pytest.mark.parametrize("sampler", [pytest.param("tpe", marks=pytest.mark.slow), "nsga2"])
def test_what_subsets_share_is_seen(sampler):
    """Where directions add up it finds more than as many random genotypes do; a category a subset hid that from TPE."""
    found = shares("optuna_search", layers=6, trials=60, sampler=sampler)
    assert sum(found) > sum(shares("random_search", layers=6, samples=60, images=0)) + 0.3


@pytest.mark.parametrize("sampler", ["tpe", pytest.param("gp", marks=pytest.mark.slow), "nsga2", "random"])
def test_no_trial_is_spent_on_what_was_judged(sampler):
    """TPE, which holds on to its best, proposed 85 different genotypes in 300 trials of a planted problem."""
    bound = space(count=6, keep=2, layers=2)
    judge = Additive(bound)
    searched_for("optuna_search", bound, judge, sampler=sampler, trials=40)
    assert len(judge.asked) == len(set(judge.asked)) == 40


def test_a_space_of_fewer_genotypes_than_trials_is_judged_whole():
    bound = space(count=3, keep=2, layers=2)
    judge = Additive(bound)
    searched_for("optuna_search", bound, judge, trials=15)
    assert len(set(judge.asked)) == 9


def test_tpe_is_independent(monkeypatch):
    given = {}
    monkeypatch.setattr(
        proposals, "TPESampler", lambda **named: given.update(named) or optuna.samplers.TPESampler(**named)
    )
    Proposals(space(), "tpe", 0, 20)._sampler(5)
    assert (given["multivariate"], given["group"], given["seed"]) == (False, False, 5)


def test_without_a_budget_nothing_is_refused(monkeypatch):
    trials = all_trials(monkeypatch, space(count=8, keep=4, layers=2), sampler="tpe", trials=14)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 14
    assert not any(trial.constraints for trial in trials)
    assert all("fixed_params" not in trial.system_attrs for trial in trials)
