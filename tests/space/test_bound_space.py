"""Counting, sampling, deciding and moving, against trying every genotype."""

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
import torch
from brute_force import genotypes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from space_strategies import bound_or_skip, generator, grids, spaces

from scansearch.errors import ScansearchError
from scansearch.space import Budget, Costs, SearchSpace

EIGHT = ("h", "h_flip", "v", "v_flip", "w2", "w2_flip", "w7", "w7_flip")
PAIRED = SearchSpace(
    name="paired",
    candidates=("h", "h_flip", "v", "v_flip", "w2"),
    keep=(1, 3),
    constraints=[{"kind": "flip_pairs", "least": 1}],
)


@given(spaces(), grids)
@settings(deadline=None)
def test_size_counts_every_genotype_once(space, grids):
    bound = bound_or_skip(space, grids)
    every = list(genotypes(space, bound))
    assert bound.size == len(every) == len(set(every))
    assert all(bound.allows(choice) for choice in every)


@given(spaces(), grids)
@settings(deadline=None)
def test_a_layer_lists_its_choices(space, grids):
    bound = bound_or_skip(space, grids[:1])
    assert sorted(bound[0].choices()) == sorted(choice[0] for choice in genotypes(space, bound))


@given(spaces(), grids)
@settings(deadline=None)
def test_what_bind_refuses_has_no_genotype(space, grids):
    try:
        space.bind(grids)
    except ScansearchError as error:
        loose = space.model_copy(update={"constraints": ()})
        try:
            bound = loose.bind(grids)
        except ScansearchError:
            return  # too few distinct candidates: tested with its message elsewhere
        assert not list(genotypes(space, bound)), error


@given(spaces(), grids, st.integers(0, 2**32))
@settings(deadline=None)
def test_samples_mutants_children_and_neighbours_are_of_the_space(space, grids, seed):
    bound, random = bound_or_skip(space, grids), generator(seed)
    one, other = bound.sample(random), bound.sample(random)
    for choice in (one, other, bound.mutate(one, random), bound.crossover(one, other, random)):
        assert bound.allows(choice)
    for neighbour in bound.neighbours(one):
        assert bound.allows(neighbour)
        assert bound.distance(one, neighbour) == 1


def test_sampling_is_uniform():
    bound = PAIRED.bind([(3, 3), (1, 4)])
    every, random = list(genotypes(PAIRED, bound)), generator()
    drawn = Counter(bound.sample(random) for _ in range(40 * len(every)))
    assert set(drawn) == set(every)
    assert chisquare([drawn[choice] for choice in every]).pvalue > 1e-3


def test_sampling_from_huge_spaces_is_quick_and_repeatable():
    names = [f"w{k}{end}" for k in range(2, 30) for end in ("", "_flip", "_col", "_col_flip")]
    bound = SearchSpace(name="wide", candidates=names, keep=4).bind([(56, 56)] * 20)
    assert bound.size > 10**100
    assert bound.sample(generator(1)) == bound.sample(generator(1)) != bound.sample(generator(2))


@given(spaces(), grids, st.data())
@settings(deadline=None)
def test_best_is_the_best_of_all(space, grids, data):
    bound = bound_or_skip(space, grids)
    values = st.integers(-8, 8).map(lambda n: n / 8)
    scores = [
        torch.tensor(data.draw(st.lists(values, min_size=n, max_size=n)), dtype=torch.float64)
        for n in (len(layer.candidates) for layer in bound)
    ]

    def total(choice):
        return sum(float((s[list(kept)] - 0.25).sum()) for s, kept in zip(scores, choice, strict=True))

    best = bound.best(scores, threshold=0.25)
    assert bound.allows(best)
    assert total(best) == max(map(total, genotypes(space, bound)))


def test_of_equal_scores_the_earlier_candidates_win():
    bound = SearchSpace(name="mine", candidates=EIGHT, keep=4).bind([(8, 8)])
    assert bound.best([torch.zeros(8)]) == ((0, 1, 2, 3),)
    assert bound.best([torch.tensor([0.0, 1, 0, 1, 1, 0, 0, 0])]) == ((0, 1, 3, 4),)


def test_beyond_the_least_number_only_directions_above_the_mean_are_kept():
    bound = SearchSpace(name="mine", candidates=EIGHT, keep=(2, 4)).bind([(8, 8)] * 3)
    peaked, broad = [0.9, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01, 0.01], [0.2, 0.2, 0.2, 0.2, 0.05, 0.05, 0.05, 0.05]
    uniform = [0.125] * 8
    assert bound.best([torch.tensor(s, dtype=torch.float64) for s in (peaked, broad, uniform)]) == (
        (0, 1), (0, 1, 2, 3), (0, 1),
    )  # fmt: skip


def test_scores_that_are_not_finite_are_refused():
    bound = PAIRED.bind([(3, 3)])
    with pytest.raises(ScansearchError, match="scores must be finite, but layer 1 has"):
        bound.best([torch.tensor([0.0, float("nan"), 0, 0, 0])])


@given(spaces(), grids, st.integers(0, 2**32))
@settings(deadline=None)
def test_vectors_and_names_round_trip(space, grids, seed):
    bound = bound_or_skip(space, grids)
    choice = bound.sample(generator(seed))
    assert bound.decode(bound.encode(choice)) == choice
    assert bound.choice(bound.directions(choice)) == choice
    assert bound.encode(choice).sum() == sum(map(len, choice))


def test_scores_of_another_number_are_refused():
    with pytest.raises(
        ScansearchError, match=r"layer 2 has 5 candidates and needs one score for each, but got shape \(4,\)"
    ):
        PAIRED.bind([(3, 3)] * 2).best([torch.zeros(5), torch.zeros(4)])


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(ScansearchError, match=r"has shape \(5,\), one entry a candidate, but got \(4,\)"):
        PAIRED.bind([(3, 3)]).decode(np.zeros(4))


def test_distance_is_a_metric_of_moves():
    bound = SearchSpace(name="mine", candidates=EIGHT, keep=(1, 4)).bind([(8, 8)] * 2)
    a, b, c = ((0, 1), (2,)), ((0, 3), (2, 4)), ((5, 6), (7,))
    assert bound.distance(a, a) == 0
    assert bound.distance(a, b) == bound.distance(b, a) == 2
    assert bound.distance(a, c) <= bound.distance(a, b) + bound.distance(b, c)


def test_the_only_genotype_is_its_own_mutant_and_nothing_is_drawn():
    bound, random = SearchSpace(name="fixed", candidates=("h", "v"), keep=2).bind([(8, 8)] * 3), generator(0)
    before = random.get_state()
    assert bound.mutate(((0, 1),) * 3, random) == ((0, 1),) * 3
    assert torch.equal(random.get_state(), before)
    assert bound.notes() == ["space 'fixed' allows one genotype alone here: there is nothing to choose"]


def test_a_merged_direction_stands_for_its_equal():
    bound = SearchSpace(name="mine", candidates=EIGHT, keep=2).bind([(7, 7)])
    assert bound.choice([["w7", "v"]]) == bound.choice([["h", "v"]]) == ((0, 2),)


WRONG = {
    "layers": ([["h", "v"]], "space 'paired' has 2 layers here, but got 1"),
    "unknown": (
        [["h", "w9"], ["h", "v"]],
        "layer 1 has no candidate 'w9'; its candidates are h, h_flip, v, v_flip, w2",
    ),
    "constraint": ([["h", "h_flip"], ["h", "v"]], "layer 2 may not keep h, v in space 'paired'; it keeps 1 to 3"),
    "twice": ([["h", "h"], ["h", "h_flip"]], "layer 1 may not keep h, h in space 'paired'"),
}


@pytest.mark.parametrize(("directions", "message"), WRONG.values(), ids=WRONG)
def test_directions_outside_the_space_are_refused(directions, message):
    with pytest.raises(ScansearchError) as caught:
        PAIRED.bind([(3, 3)] * 2).choice(directions)
    assert str(caught.value).startswith(message)


def budgeted(limit, costs, fixed=0.0, unit="FLOPs", keep=(1, 3)):
    space = SearchSpace(
        name="mine", candidates=("h", "h_flip", "v", "w2"), keep=keep, budget=Budget(limit=limit, table="t")
    )
    return space, space.bind([(4, 4)] * len(costs), costs=Costs(unit, fixed, costs))


ODD = [{"h": 3, "h_flip": 5, "v": 2, "w2": 7}, {"h": 1, "h_flip": 1, "v": 9, "w2": 4}]


@pytest.mark.parametrize("limit", [4, 9, 14, 40])
def test_a_budget_of_whole_costs_is_exact(limit):
    space, bound = budgeted(limit, ODD)
    every = list(genotypes(space, bound, ODD, limit))
    assert bound.size == len(every)
    random = generator()
    drawn = Counter(bound.sample(random) for _ in range(30 * len(every)))
    assert set(drawn) <= set(every)
    assert len(every) == 1 or chisquare([drawn[choice] for choice in every]).pvalue > 1e-3
    scores = [torch.tensor([0.1, 0.5, 0.3, 0.1]), torch.tensor([0.3, 0.2, 0.4, 0.1])]

    def total(choice):
        return sum(float((s.double()[list(k)] - 0.2).sum()) for s, k in zip(scores, choice, strict=True))

    assert total(bound.best(scores, threshold=0.2)) == pytest.approx(max(map(total, every)), abs=1e-12)
    assert all(bound.allows(bound.mutate(choice, random)) for choice in every)


def test_a_budget_of_milliseconds_is_never_exceeded():
    costs = [{name: cost * 0.1234567 for name, cost in layer.items()} for layer in ODD]
    space, bound = budgeted(2.0, costs, fixed=0.5, unit="ms")
    random = generator()
    for _ in range(200):
        kept = bound.directions(bound.sample(random))
        assert 0.5 + sum(costs[i][name] for i, names in enumerate(kept) for name in names) <= 2.0
    every = sum(1 for _ in genotypes(space, bound, costs, 1.5))
    assert 0.95 * every <= bound.size <= every


def test_budgets_that_nothing_meets_say_what_would():
    with pytest.raises(
        ScansearchError, match="the budget is 2 FLOPs, but the cheapest genotype of space 'mine' costs 3"
    ):
        budgeted(2, ODD)
    with pytest.raises(ScansearchError, match="the budget is 2 ms, but without any direction the network costs 3 ms"):
        budgeted(2, ODD, fixed=3.0, unit="ms")
    with pytest.raises(ScansearchError, match="the cost table has no cost for 'w2' in layer 2"):
        budgeted(20, [ODD[0], {"h": 1, "h_flip": 1, "v": 1}])


def test_a_genotype_beyond_the_budget_is_refused():
    _, bound = budgeted(4, ODD)
    with pytest.raises(ScansearchError, match="this genotype costs 8 FLOPs, beyond the budget"):
        bound.choice([["w2"], ["h"]])


def subsets(layer):
    indices = range(len(layer.candidates))
    return [kept for size in range(len(indices) + 1) for kept in combinations(indices, size)]


@given(spaces(), grids)
@settings(deadline=None)
def test_a_layer_allows_its_choices_and_nothing_else(space, grids):
    layer = bound_or_skip(space, grids[:1])[0]
    assert [kept for kept in subsets(layer) if layer.allows(kept)] == [
        kept for kept in subsets(layer) if kept in set(layer.choices())
    ]
    first = next(layer.choices())
    assert not layer.allows((*first, first[0]))
    assert not layer.allows((*first[1:], len(layer.candidates)))


@pytest.mark.parametrize("limit", [4, 9, 14])
def test_nothing_beyond_the_budget_is_allowed(limit):
    space, bound = budgeted(limit, ODD)
    every = set(genotypes(space, bound, ODD, limit))
    pairs = list(product(*map(subsets, bound)))
    assert [pair for pair in pairs if bound.allows(pair)] == [pair for pair in pairs if pair in every]
    alone = {kept for kept in subsets(bound[0]) if bound[0].allows(kept)}
    assert {pair[0] for pair in every} <= alone
    assert max(map(bound[0].cost, alone)) <= bound[0].limit


@pytest.mark.parametrize("limit", [4, 9, 14])
def test_a_layer_lists_what_it_can_afford_by_itself(limit):
    _, bound = budgeted(limit, ODD)
    for layer in bound:
        assert len(list(layer.choices())) == layer.size
        assert sorted(layer.choices()) == sorted(kept for kept in subsets(layer) if layer.allows(kept))


def test_a_long_list_of_candidates_and_a_small_budget_make_a_short_list_of_choices():
    names = [f"random:{i}" for i in range(64)]
    costs = Costs("FLOPs", 0, [dict.fromkeys(names, 1)])
    space = SearchSpace(name="many", candidates=names, keep=(1, 64), budget=Budget(limit=1, table="t"))
    assert len(list(space.bind([(8, 8)], costs=costs)[0].choices())) == 64


@given(spaces(), grids, st.data())
@settings(deadline=None)
def test_the_best_among_some_candidates_takes_others_only_where_these_do_not_suffice(space, grids, data):
    bound = bound_or_skip(space, grids)
    every = list(genotypes(space, bound))
    among = tuple(tuple(sorted(data.draw(st.sets(st.sampled_from(range(len(layer.candidates))))))) for layer in bound)
    scores = [
        torch.tensor(
            data.draw(st.lists(st.floats(0, 1), min_size=len(layer.candidates), max_size=len(layer.candidates)))
        )
        for layer in bound
    ]

    def outside(choice):
        return sum(len(set(kept) - set(wanted)) for kept, wanted in zip(choice, among, strict=True))

    best = bound.best(scores, threshold=[0.5] * len(bound), among=among)
    assert best in every
    assert outside(best) == min(map(outside, every))
