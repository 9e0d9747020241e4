"""The strategies that judge whole genotypes, on a judge whose best genotype is known."""

import pytest
import torch
from additive import Additive, searched
from toy_search import NAMES, ToySupernet, space, step, strategy

from scansearch.models import Selection
from scansearch.space import Budget, Costs, SearchSpace
from scansearch.strategy.step import Plan

WORTH = [[0.1, 0.4, 0.2, 0.3], [0.5, 0.0, 0.1, 0.2]]
BEST = ((1, 3), (0, 3))
SMALL = {
    "single_path": {"population": 6, "generations": 6, "mutations": 3, "crossovers": 3, "parents": 3},
    "fair_path": {"population": 6, "generations": 6, "mutations": 3, "crossovers": 3, "parents": 3},
    "random_search": {"samples": 100, "finalists": 5},
    "evolution": {"population": 8, "competitors": 3, "cycles": 60},
    "optuna_search": {"trials": 60},
    "local_search": {"trials": 60},
    "surrogate": {"trials": 36, "initial": 10},
}


class FakeJudge:
    """Knows what each direction is worth; stops the run after ``limit`` questions."""

    def __init__(self, limit=10**9):
        self.limit, self.asked, self.alone = limit, [], []

    def _ask(self, kept):
        if len(self.asked) + len(self.alone) == self.limit:
            raise KeyboardInterrupt
        return sum(WORTH[i][j] for i, layer in enumerate(kept) for j in layer) / 2

    def __call__(self, selections):
        accuracy = self._ask([s.indices for s in selections])
        self.asked.append(tuple(s.indices for s in selections))
        return accuracy

    def on(self, images, selections):
        assert images == 64
        return self(selections)

    def from_scratch(self, choice, epochs, *, seed=0, report=None):
        accuracy = self._ask(choice)
        self.alone.append((choice, epochs))
        if report is not None:
            any(report(epoch, accuracy * epoch / epochs) for epoch in range(1, epochs + 1))
        return accuracy


@pytest.mark.parametrize("name", SMALL)
def test_finds_the_best_of_a_small_space(name):
    found, judge = strategy(name, **SMALL[name]), FakeJudge()
    assert found.traits.trains_supernet
    found.finish(judge)
    assert found.choose() == BEST
    assert len(judge.asked) <= found.traits.judgements
    total = 0 if name == "surrogate" else 1  # gains over the mean of the layer's candidates, or shares
    assert all(float(score.sum()) == pytest.approx(total, abs=1e-9) for score in found.scores())


@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_asks_the_same(name):
    one, other = FakeJudge(), FakeJudge()
    strategy(name, **SMALL[name]).finish(one)
    torch.manual_seed(99)  # the search has numbers of its own
    strategy(name, **SMALL[name]).finish(other)
    assert one.asked == other.asked


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("limit", [1, 7])
def test_after_an_interruption_it_ends_as_it_would_have(name, limit):
    whole = strategy(name, **SMALL[name])
    whole.finish(FakeJudge())
    part = strategy(name, **SMALL[name])
    with pytest.raises(KeyboardInterrupt):
        part.finish(FakeJudge(limit))
    again, judge = strategy(name, **SMALL[name]), FakeJudge()
    again.load_state_dict(part.state_dict())
    again.finish(judge)
    assert again.choose() == whole.choose()
    assert again.accuracies == whole.accuracies


@pytest.mark.parametrize("name", SMALL)
def test_networks_trained_alone_need_no_supernet(name):
    found, judge = strategy(name, judge="training", judge_epochs=2, **SMALL[name]), FakeJudge()
    assert not found.traits.trains_supernet
    found.finish(judge)
    assert found.choose() == BEST
    assert not judge.asked
    assert {epochs for _, epochs in judge.alone} == {2}
    assert len({choice for choice, _ in judge.alone}) == len(judge.alone)


@pytest.mark.parametrize("name", SMALL)
def test_constraints_and_variable_numbers_hold(name):
    bound = space(keep=(1, 3), constraints=[{"kind": "flip_pairs", "least": 1}])
    found, judge = strategy(name, bound=bound, **SMALL[name]), FakeJudge()
    found.finish(judge)
    assert all(bound.allows(choice) for choice in (*judge.asked, found.choose()))


@pytest.mark.parametrize("name", SMALL)
def test_one_genotype_is_enough(name):
    found = strategy(name, bound=space(keep=4), **SMALL[name])
    found.finish(FakeJudge())
    assert found.choose() == ((0, 1, 2, 3),) * 2


def test_random_search_judges_in_two_rounds():
    found, judge = strategy("random_search", samples=20, finalists=4), FakeJudge()
    found.finish(judge)
    assert len(judge.asked) == 24
    assert len(found.accuracies) == 4
    assert strategy("random_search", images=0).traits.judgements == 100


def test_evolution_moves_one_step_and_forgets_the_oldest():
    found, judge = strategy("evolution", population=4, competitors=2, cycles=30), FakeJudge()
    found.finish(judge)
    seen = judge.asked
    for number, child in enumerate(seen[4:], start=4):
        assert any(found.space.distance(child, earlier) == 1 for earlier in seen[:number])


def test_evolution_lets_the_oldest_die_however_good_it_is():
    """With as many competitors as it takes to see all that live, a parent is the best of the last four; here the first is best."""
    bound, born = space(count=8, keep=4, layers=8), []  # so large that no child is born twice

    class Falling(FakeJudge):
        def __call__(self, selections):
            born.append(tuple(s.indices for s in selections))
            return 1 / len(born)

    strategy("evolution", ToySupernet(layers=8, count=8), bound, population=4, competitors=200, cycles=20).finish(
        Falling()
    )
    for number, child in enumerate(born[4:], start=4):
        assert bound.distance(child, born[number - 4]) == 1  # the oldest of those that live is the best of them


def test_random_search_keeps_the_best_of_the_second_round():
    class Rough(FakeJudge):
        def on(self, images, selections):
            return 1 - super().on(images, selections) / 10  # the few images think the opposite

    found, judge = strategy("random_search", samples=36, finalists=10), Rough()
    found.finish(judge)
    assert found.choose() == max(found.accuracies, key=found.accuracies.__getitem__)
    assert found.accuracies[found.choose()] > min(found.accuracies.values())


@pytest.mark.parametrize("name", SMALL)
def test_another_seed_searches_elsewhere(name):
    one, other = FakeJudge(), FakeJudge()
    strategy(name, bound=space(layers=2, count=4, keep=(1, 3)), **SMALL[name]).finish(one)
    strategy(name, bound=space(layers=2, count=4, keep=(1, 3)), plan=Plan(10, 10, 1), **SMALL[name]).finish(other)
    assert one.asked != other.asked


def test_the_mutation_rate_is_the_users():
    def distances(rate):
        bound, judge = space(layers=6, count=8), FakeJudge()
        judge._ask = lambda kept: 0.5
        settings = {"population": 2, "parents": 2, "generations": 10, "mutations": 10, "crossovers": 0}
        found = strategy("single_path", ToySupernet(layers=6, count=8), bound, mutation_rate=rate, **settings)
        found.finish(judge)
        return [min(bound.distance(child, parent) for parent in judge.asked[:2]) for child in judge.asked[2:]]

    assert sum(distances(0.01)) * 2 < sum(distances(1.0))


def test_fair_path_trains_every_direction_once_an_update():
    found = strategy("fair_path", ToySupernet(layers=3, count=8), space(count=8, keep=4, layers=3))
    for _ in range(10):
        found.select(0)
        assert len(found._parts) == 2
        for layer in range(3):
            run = [i for selections in found._parts for i in selections[layer].indices]
            assert sorted(run) == list(range(8))
    uneven = strategy("fair_path", ToySupernet(layers=1, count=7), space(count=7, keep=3, layers=1))
    uneven.select(0)
    assert [len(s.indices) for (s,) in uneven._parts] == [3, 3, 1]


def test_layers_of_fewer_parts_begin_again():
    bound = SearchSpace(name="own", candidates=NAMES, keep=2, layers={1: {"candidates": NAMES[:4], "keep": 2}}).bind(
        [(6, 6)] * 2
    )
    found = strategy("fair_path", ToySupernet(count=8), bound)
    again = 0
    for _ in range(20):
        found.select(0)
        parts = [selections[1].indices for selections in found._parts]
        assert len(parts) == 4
        assert sorted(parts[0] + parts[1]) == sorted(parts[2] + parts[3]) == [0, 1, 2, 3]
        again += parts[:2] == parts[2:]
    assert again < 15  # shuffled anew


def test_fair_path_adds_the_gradients_of_its_passes():
    net = ToySupernet(count=4, gains=[1.0, 2.0, 3.0, 4.0])
    found, now = strategy("fair_path", net), step(net)
    first = found.select(0)
    now.loss(now.train, first).backward()
    found.after_backward(now)
    got = net.readout.weight.grad.clone()
    net.zero_grad()
    sum(now.loss(now.train, selections) for selections in found._parts).backward()
    assert torch.allclose(got, net.readout.weight.grad)
    assert all(selection.weights is None for selections in found._parts for selection in selections)


def test_a_step_of_single_path_draws_uniformly():
    found = strategy("single_path", plan=Plan(1, 1, 0))
    drawn = {tuple(s.indices for s in found.select(n)) for n in range(400)}
    assert len(drawn) == 36
    assert all(isinstance(s, Selection) and s.weights is None for s in found.select(0))


@pytest.mark.parametrize("name", SMALL)
def test_what_is_trained_is_drawn_evenly_over_costs_under_a_budget(name):
    bound = affordable()
    found = strategy(name, ToySupernet(layers=4, count=8), bound, **SMALL[name])
    random = torch.Generator().manual_seed(0)
    drawn = [found.draw(random) for _ in range(400)]
    if name != "fair_path":  # whose parts ignore the budget
        drawn += [tuple(s.indices for s in found.select(n)) for n in range(400)]
    costs_drawn = [bound.cost(choice) for choice in drawn]
    assert [bound.allows(choice) for choice in drawn].count(False) == 0
    assert {*costs_drawn} == {*range(4, 14)}
    assert sum(cost <= 8 for cost in costs_drawn) == pytest.approx(
        len(drawn) / 2, rel=0.2
    )  # of all genotypes it is one in 45


@pytest.mark.parametrize("name", SMALL)
def test_what_is_judged_first_is_drawn_evenly_over_costs_under_a_budget(name):
    bound = affordable()
    short = {"random_search": {"images": 0}, "optuna_search": {"trials": 8}}
    judge = Additive(bound)
    searched(name, bound, judge, **{**SMALL[name], **short.get(name, {})})
    assert sum(bound.cost(choice) <= 8 for choice in judge.asked[:6]) >= 2


def affordable():
    """Genotypes cost 4 to 13, one in 45 at most 8."""
    costs = Costs("FLOPs", 0, [dict.fromkeys(NAMES, 1)] * 4)
    space = SearchSpace(name="afford", candidates=NAMES, keep=(1, 4), budget=Budget(limit=13, table="t"))
    return space.bind([(6, 6)] * 4, costs=costs)


def test_evolution_goes_on_where_constraints_leave_no_single_move():
    bound = space(count=4, keep=2, constraints=[{"kind": "flip_pairs", "least": 1}], layers=2)
    assert not any(list(bound.neighbours(bound.sample())) for _ in range(20))
    found, judge = strategy("evolution", ToySupernet(), bound, population=2, competitors=2, cycles=200), FakeJudge()
    found.finish(judge)
    assert len(judge.asked) == bound.size


def test_random_search_keeps_its_first_round_over_an_interruption():
    settings = {"samples": 20, "finalists": 4}
    whole, part = FakeJudge(), FakeJudge(12)
    strategy("random_search", **settings).finish(whole)
    cut = strategy("random_search", **settings)
    with pytest.raises(KeyboardInterrupt):
        cut.finish(part)
    again, judge = strategy("random_search", **settings), FakeJudge()
    again.load_state_dict(cut.state_dict())
    again.finish(judge)
    assert [*part.asked, *judge.asked] == whole.asked
