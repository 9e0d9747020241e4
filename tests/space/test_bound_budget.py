"""Budgets in whole units: exact where sums are few, rounded up by a told step elsewhere, and always in bounded work."""

import random
from fractions import Fraction

import pytest
import torch
from brute_force import genotypes
from hypothesis import given, settings
from hypothesis import strategies as st

from scansearch.errors import ScansearchError
from scansearch.space import Budget, Costs, SearchSpace, bound_budget
from scansearch.space.algebras import better

NAMES = ("h", "h_flip", "v", "w2")
whole = st.integers(0, 9) | st.integers(100_000, 999_999)
real = st.floats(0, 10) | st.floats(1e-9, 1e9)


def bind(limit, costs, keep=(1, 3), unit="FLOPs", fixed=0, names=NAMES):
    space = SearchSpace(name="mine", candidates=names, keep=keep, budget=Budget(limit=limit, table="t"))
    return space, space.bind([(4, 4)] * len(costs), costs=Costs(unit, fixed, costs))


@st.composite
def budgets(draw, price):
    """Costs of one or two layers, and a limit somewhere between those of the cheapest and the dearest genotype."""
    costs = draw(st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, price)), min_size=1, max_size=2))
    dearest = sum(sum(sorted(layer.values())[1:]) for layer in costs)
    cheapest = sum(min(layer.values()) for layer in costs)
    share = draw(st.floats(0, 1))
    return max(cheapest + share * (dearest - cheapest), 1e-6), costs


def exactly(costs, choice):
    return sum(Fraction(costs[i][NAMES[n]]) for i, kept in enumerate(choice) for n in kept)


@given(budgets(whole))
@settings(deadline=None)
def test_whole_costs_whose_sums_are_few_are_exact_whatever_their_size(given_budget):
    limit, costs = given_budget
    space, bound = bind(limit, costs)
    assert bound.size == sum(1 for _ in genotypes(space, bound, costs, Fraction(limit)))
    assert bound.budget.notes() == []


@given(budgets(whole | real), st.integers(5, 60))
@settings(deadline=None)
def test_rounded_costs_never_exceed_the_budget_and_miss_no_more_than_is_told(given_budget, steps):
    limit, costs = given_budget
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bound_budget, "STEPS", steps)
        patch.setattr(bound_budget, "MOST_SUMS", 0)
        try:
            space, bound = bind(limit, costs)
        except ScansearchError as error:
            assert "but the cheapest genotype" in str(error)
            return
    loose = [choice for choice in genotypes(space, bound) if exactly(costs, choice) <= Fraction(limit)]
    allowed = [choice for choice in genotypes(space, bound) if bound.allows(choice)]
    assert set(allowed) <= set(loose)
    assert bound.size == len(allowed)
    room = Fraction(limit) - bound.budget.rounded * bound.budget.unit_cost
    assert {choice for choice in loose if exactly(costs, choice) <= room} <= set(allowed)
    assert bool(bound.budget.notes()) == bool(bound.budget.rounded)
    for choice in allowed:
        assert bound.total_cost(choice) == float(exactly(costs, choice))
    best = bound.best([torch.rand(len(NAMES)) for _ in costs])
    assert best in allowed


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(-3, 3)), min_size=1, max_size=6), st.none() | st.integers(0, 20)
)
@settings(deadline=None)
def test_the_best_of_every_cost_is_what_trying_all_choices_finds(candidates, limit):
    prices, values = [cost for cost, _ in candidates], [value for _, value in candidates]
    names = [f"random:{i}" for i in range(len(candidates))]
    space = SearchSpace(name="mine", candidates=names, keep=(1, min(3, len(names))))
    layer = space.bind([(5, 5)])[0]
    priced = type(layer)(layer.grid, layer.candidates, layer.least, layer.most, costs=tuple(prices), limit=limit)
    front = {}
    for choice in sorted(priced.choices(), key=lambda kept: (priced.cost(kept), -sum(values[i] for i in kept), kept)):
        found = (sum(values[i] for i in choice), choice)
        if not front or better(found, list(front.values())[-1]):
            front.setdefault(priced.cost(choice), found)
    assert priced.best_by_cost(values) == front


def six_digits(layers, candidates):
    draw = random.Random(0)
    names = [f"random:{i}" for i in range(candidates)]
    return names, [{name: draw.randint(100_000, 999_999) for name in names} for _ in range(layers)]


def test_integer_costs_of_six_digits_end_and_say_by_how_much_they_are_rounded():
    names, costs = six_digits(6, 16)
    _, bound = bind(4e6, costs, keep=2, names=names)
    assert 0 < bound.size < 120**6
    assert bound.notes() == [
        "the budget counts in steps of 1e+03 FLOPs, to which the cost of each direction is rounded up: it is never exceeded, "
        "but what comes within 1.2e+04 FLOPs of it may be left out"
    ]
    choice = bound.sample(torch.Generator().manual_seed(0))
    assert exactly_named(costs, bound.directions(choice)) == bound.total_cost(choice) <= 4e6


def exactly_named(costs, directions):
    return sum(costs[i][name] for i, kept in enumerate(directions) for name in kept)


def test_costs_that_are_large_but_alike_stay_exact():
    costs = [dict.fromkeys(NAMES, 123_456_789) | {"w2": 987_654_321}] * 12
    _, bound = bind(12 * 3 * 1e9, costs, keep=2)
    assert bound.budget.rounded == 0
    assert bound.size == 6**12


def test_a_budget_beyond_the_dearest_genotype_leaves_nothing_out():
    costs = [{"h": 0.1, "h_flip": 0.25, "v": 0.37, "w2": 0.49}]
    for limit in (1.2, 5.0, 1e308):
        assert bind(limit, costs, unit="ms")[1].size == 4 + 6 + 4


def test_rounding_is_refused_where_it_would_leave_too_little_of_the_budget(monkeypatch):
    monkeypatch.setattr(bound_budget, "MOST_SUMS", 0)
    monkeypatch.setattr(bound_budget, "MOST_ROUNDED", 10)
    names, costs = six_digits(6, 4)
    with pytest.raises(ScansearchError, match="at most 10 directions, but this budget allows 12; lower keep, or give"):
        bind(1e9, costs, keep=2, names=names)
    assert bind(1e9, costs[:5], keep=2, names=names)[1].size == 6**5
    with pytest.raises(ScansearchError, match="the cheapest genotype of space 'mine' costs"):
        bind(1_000_000, costs[:5], keep=2, names=names)


def test_work_is_refused_before_it_is_begun(monkeypatch):
    names, costs = six_digits(2, 40)
    monkeypatch.setattr("scansearch.space.bind.MOST_WORK", 1000)
    with pytest.raises(ScansearchError, match="and at most 1,000 are looked at; lower keep, or take fewer candidates"):
        bind(1e6, costs, keep=4, names=names)


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -1, -0.5])
def test_costs_that_are_none_are_refused(cost):
    with pytest.raises(ScansearchError, match="a cost is a finite number of at least 0, but v costs .* in layer 1"):
        bind(10, [{"h": 1, "h_flip": 1, "v": cost, "w2": 1}])


@pytest.mark.parametrize("limit", [float("nan"), float("inf"), True, "5", -1, 0, 10**400])
def test_limits_that_are_none_are_refused(limit):
    with pytest.raises(ScansearchError, match=r"^budget\.limit: "):
        SearchSpace(name="mine", candidates=NAMES, keep=1, budget={"limit": limit, "table": "t"})


@pytest.mark.parametrize(
    "costs", [dict.fromkeys(NAMES, 0), dict.fromkeys(NAMES, 1e-300), {**dict.fromkeys(NAMES, 1e300), "h": 1e-300}]
)
def test_costs_at_the_edge_of_the_floats(costs):
    assert bind(1e308, [costs])[1].size == 14


def test_layers_that_are_alike_are_worked_out_once():
    costs = [{"h": 3, "h_flip": 5, "v": 2, "w2": 7}] * 50
    assert len({id(layer) for layer in bind(500, costs)[1]}) == 1
