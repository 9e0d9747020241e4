import pytest
import torch
from toy_search import ToySupernet, set_alpha, space, strategy

from scansearch.engine.derive import Derivation

WORTH = [[0.1, 0.4, 0.2, 0.3], [0.5, 0.0, 0.1, 0.2]]


def judge(selections):
    return sum(WORTH[i][j] for i, selection in enumerate(selections) for j in selection.indices) / 10


def uniform(bound):
    return [torch.full((len(layer.candidates),), 0.25, dtype=torch.float64) for layer in bound]


def plain(choice):
    from scansearch.models import Selection

    return [Selection(kept) for kept in choice]


def test_perturbation_drops_what_is_missed_least():
    bound, calls = space(), []
    found = Derivation("perturbation", 0, bound, 0)
    found.run(uniform(bound), plain, lambda s: (calls.append(s), judge(s))[1])
    assert found.chosen == ((1, 3), (0, 3))
    assert len(calls) <= found.judgements
    full = max(calls, key=lambda s: sum(len(x.indices) for x in s))
    assert sum(len(x.indices) for x in full) == 7  # one gone


def test_perturbation_respects_constraints():
    bound = space(constraints=[{"kind": "flip_pairs", "least": 1}])
    found = Derivation("perturbation", 0, bound, 0)
    found.run(uniform(bound), plain, judge)
    assert found.chosen == (
        (2, 3),
        (2, 3),
    )  # greedy: candidate 1 of the second layer goes first, and its partner after it
    assert bound.allows(found.chosen)


def test_perturbation_keeps_as_many_as_help():
    bound = space(keep=(1, 4))
    found = Derivation("perturbation", 0, bound, 0)
    found.run(uniform(bound), plain, judge)
    assert found.chosen == ((0, 1, 2, 3), (0, 2, 3))


def test_of_genotypes_drawn_by_score_the_most_accurate_wins():
    bound = space()
    found = Derivation("one_shot", 200, bound, 0)
    found.run(uniform(bound), plain, judge)
    assert found.chosen == ((1, 3), (0, 3))
    sure = [torch.tensor([1.0, 1e-9, 1.0, 1e-9]).double()] * 2
    few = Derivation("one_shot", 20, bound, 0)
    few.run(sure, plain, judge)
    assert few.chosen == ((0, 2), (0, 2))


@pytest.mark.parametrize("how", ["perturbation", "one_shot"])
def test_after_an_interruption_it_ends_as_it_would_have(how):
    bound, done = space(), []
    whole = Derivation(how, 30, bound, 7)
    whole.run(uniform(bound), plain, lambda s: (done.append(1), judge(s))[1])

    def until(limit):
        calls = []

        def evaluate(selections):
            if len(calls) == limit:
                raise KeyboardInterrupt
            calls.append(1)
            return judge(selections)

        return evaluate, calls

    part = Derivation(how, 30, bound, 7)
    with pytest.raises(KeyboardInterrupt):
        part.run(uniform(bound), plain, until(len(done) // 2)[0])
    again = Derivation(how, 30, bound, 7)
    again.load_state_dict(part.state_dict())
    evaluate, calls = until(10**6)
    again.run(uniform(bound), plain, evaluate)
    assert again.chosen == whole.chosen
    assert len(calls) == len(done) - len(done) // 2


def test_magnitude_judges_nothing():
    found = Derivation("magnitude", 0, space(), 0)
    assert found.judgements == 0
    found.run(uniform(space()), plain, lambda s: pytest.fail("judged"))
    assert found.chosen is None


def test_a_strategy_judges_what_is_left_with_the_weights_it_had():
    net = ToySupernet()
    set_alpha(net, [0, 1, 2, 3], [0, 0, 0, 0])
    found = strategy("darts", net, selection="perturbation")
    (one, two) = found.masked(((1, 3), (0, 1, 2)))
    assert torch.allclose(one.weights, torch.tensor([1.0, 3.0]).softmax(0))
    assert torch.allclose(two.weights, torch.full((3,), 1 / 3))
    found.finish(judge)
    assert found.choose() == ((1, 3), (0, 3))
    assert found.by_score()[0] == (2, 3)
