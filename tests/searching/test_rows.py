"""The front of accuracy and cost, and how it is told."""

from hypothesis import given
from hypothesis import strategies as st

from scansearch.searching.rows import judged_rows, pareto_front
from scansearch.space import Budget, Costs, SearchSpace

COSTS = Costs("FLOPs", 1000, [{"h": 10, "v": 30, "w2": 20, "w7": 40}] * 2)
SPACE = SearchSpace(
    name="four", candidates=("h", "v", "w2", "w7"), keep=(1, 4), budget=Budget(limit=1200, table="t")
).bind([(14, 14)] * 2, costs=COSTS)
PLAIN = SearchSpace(name="four", candidates=("h", "v", "w2", "w7"), keep=(1, 4)).bind([(14, 14)] * 2)
subsets = st.sets(st.integers(0, 3), min_size=1).map(lambda found: tuple(sorted(found)))


@given(st.dictionaries(st.tuples(subsets, subsets), st.sampled_from([0.1, 0.2, 0.3, 0.4]), max_size=30))
def test_nothing_on_the_front_is_beaten_and_everything_else_is(judged):
    front = pareto_front(SPACE, judged)

    def beaten(choice):
        mine = (judged[choice], -SPACE.total_cost(choice))
        others = ((judged[other], -SPACE.total_cost(other)) for other in judged)
        return any(a >= mine[0] and c >= mine[1] and (a, c) != mine for a, c in others)

    for number, choice in enumerate(judged, start=1):
        same = [c for c in front if (judged[c], SPACE.total_cost(c)) == (judged[choice], SPACE.total_cost(choice))]
        assert (not same) == beaten(choice)
        assert choice not in front or front[choice] == number
    assert list(front) == sorted(front, key=SPACE.total_cost)


def test_rows_tell_costs_in_the_budgets_unit_or_as_the_number_of_directions():
    judged = {((0, 1), (2,)): 0.5, ((0,), (2,)): 0.5}
    assert judged_rows(SPACE, judged, "accuracy") == [
        (1, 0.5, "accuracy", 1060.0, "FLOPs", 0, "h v; w2"),
        (2, 0.5, "accuracy", 1030.0, "FLOPs", 1, "h; w2"),
    ]
    assert [row[2:6] for row in judged_rows(PLAIN, judged, "mean_iou")] == [
        ("mean_iou", 3.0, "directions", 0),
        ("mean_iou", 2.0, "directions", 1),
    ]
    assert SPACE.cost_text(((0, 1), (2,))) == "1,060 FLOPs"


def test_of_equals_the_front_has_the_one_judged_first():
    judged = {((1,), (2,)): 0.5, ((0,), (2,)): 0.5, ((2,), (0,)): 0.5}
    assert pareto_front(PLAIN, judged) == {((1,), (2,)): 1}
