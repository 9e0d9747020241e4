"""Local search: it climbs by single moves, begins anew at the top, and judges nothing twice."""

import pytest
from additive import Additive, searched, shares
from toy_search import NAMES, space

from scansearch.space import Budget, Costs, SearchSpace


@pytest.mark.parametrize(("layers", "trials"), [(6, 100), (6, 200), (20, 100), (20, 200)])
def test_it_beats_random_search(layers, trials):
    climbed = shares("local_search", layers, trials=trials)
    drawn = shares("random_search", layers, samples=trials, images=0)
    assert min(climbed) > max(drawn) + 0.2


@pytest.mark.parametrize("improvement", ["first", "best"])
def test_as_many_genotypes_are_judged_as_it_may_and_none_twice(improvement):
    bound = space(count=8, keep=4, layers=3)
    judge = Additive(bound)
    found = searched("local_search", bound, judge, trials=150, improvement=improvement)
    assert len(judge.asked) == len(set(judge.asked)) == len(found.accuracies) == 150
    assert found.choose() == max(found.accuracies, key=found.accuracies.__getitem__)


def test_it_goes_to_the_first_neighbour_that_is_better():
    bound = space(count=8, keep=4, layers=6)
    judge = Additive(bound)
    searched("local_search", bound, judge, trials=60, initial=10)
    at = max(judge.asked[:10], key=judge.total)
    for choice in judge.asked[10:]:
        assert bound.distance(choice, at) == 1
        at = max(at, choice, key=judge.total)


def test_or_to_the_best_of_all_neighbours():
    bound = space(count=8, keep=4, layers=2)
    judge = Additive(bound)
    searched("local_search", bound, judge, trials=60, initial=4, improvement="best")
    start = max(judge.asked[:4], key=judge.total)
    near = set(bound.neighbours(start))
    around = near - set(judge.asked[:4])
    assert set(judge.asked[4 : 4 + len(around)]) == around
    top = max(near, key=judge.total)
    assert all(bound.distance(choice, top) == 1 for choice in judge.asked[4 + len(around) :])


def test_at_the_top_it_begins_anew():
    bound = space(count=8, keep=1, layers=2)
    judge = Additive(bound)
    searched("local_search", bound, judge, trials=40, initial=1)
    top = judge.asked.index(judge.best)
    after = judge.asked[top + 1 + len(list(bound.neighbours(judge.best))) :]
    assert any(bound.distance(choice, judge.best) == 2 for choice in after)


def test_it_ends_when_the_space_is_judged_whole():
    bound = space(count=4, keep=2, layers=2)
    judge = Additive(bound)
    assert searched("local_search", bound, judge, trials=1000).choose() == judge.best
    assert len(judge.asked) == bound.size


def test_without_single_moves_it_is_random_search():
    bound = space(count=4, keep=2, constraints=[{"kind": "flip_pairs", "least": 1}])
    judge = Additive(bound)
    searched("local_search", bound, judge, trials=20, initial=2)
    assert set(judge.asked) == {((0, 1), (0, 1)), ((0, 1), (2, 3)), ((2, 3), (0, 1)), ((2, 3), (2, 3))}


def test_constraints_and_budget_hold():
    costs = Costs("FLOPs", 0, [{name: 1 + j for j, name in enumerate(NAMES)}] * 3)
    pairs, budget = [{"kind": "flip_pairs", "least": 1}], Budget(limit=26, table="t")
    toy = SearchSpace(name="toy", candidates=NAMES, keep=(2, 4), constraints=pairs, budget=budget)
    bound = toy.bind([(6, 6)] * 3, costs=costs)
    judge = Additive(bound)
    found = searched("local_search", bound, judge, trials=80)
    assert len(judge.asked) == 80
    assert all(map(bound.allows, (*judge.asked, found.choose())))
